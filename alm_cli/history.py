"""``alm history``: complete recorded days from the sources, and tell where holes are."""

import json
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from alm_cli.moments import day_of
from alm_core.model.errors import ConfigError, InvalidInput

if TYPE_CHECKING:
    from alm_assets.backfill import Asset, Backfill, DayOutcome
    from alm_resources.history.gaps import DayCoverage
    from alm_resources.settings import Settings

json_option = click.option("--json", "as_json", is_flag=True, help="End with one JSON object on stdout.")
SHOWN_RANGES = 4


@click.group()
def history() -> None:
    """Complete recorded history, and look for holes in it."""


@history.command()
@click.option("--pair", required=True, help="Pair, e.g. WETH-USDC.")
@click.option("--from", "first", required=True, help="First UTC day, YYYY-MM-DD.")
@click.option("--to", "last", required=True, help="Last UTC day; of today the closed minutes.")
@click.option(
    "--asset",
    "assets",
    multiple=True,
    type=click.Choice(["candles", "pool_snapshots"]),
    default=("candles",),
    show_default=True,
    help="What to complete; snapshots need archive nodes.",
)
@json_option
def backfill(pair: str, first: str, last: str, assets: tuple[str, ...], as_json: bool) -> None:
    """Fetch what is missing of past days; days that are complete are skipped. Run it again to go on."""
    days = _days(day_of("--from", first), day_of("--to", last))
    sys.exit(run_backfill(pair, days, cast("tuple[Asset, ...]", assets), as_json=as_json))


@history.command()
@click.option("--pair", required=True, help="Pair, e.g. WETH-USDC.")
@click.option("--from", "first", default=None, help="First UTC day; default the first stored minute.")
@click.option("--to", "last", default=None, help="Last UTC day; default the last stored minute.")
@click.option("--home", default=None, type=click.Path(exists=True), help="Home to look at; default ALM_HOME.")
@json_option
def gaps(pair: str, first: str | None, last: str | None, home: str | None, as_json: bool) -> None:
    """Report minutes and quarter hours that are missing; exit code 1 if there are any."""
    since, until = (day_of(name, text) if text else None for name, text in (("--from", first), ("--to", last)))
    sys.exit(show_gaps(pair, since, until, datetime.now(UTC), home=home, as_json=as_json))


def run_backfill(
    pair: str,
    days: Sequence[date],
    assets: "Sequence[Asset]",
    *,
    as_json: bool,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> int:
    """Complete the days of a pair over the sources of the environment; exit code 1 if a day is not complete after."""
    from alm_assets.backfill import Backfill
    from alm_assets.resources import WalletSnapshots, world_from_env
    from alm_cli.home import open_instance
    from alm_resources.settings import Settings

    settings = Settings.from_env(os.environ)
    _refuse_without_world(settings)
    world = world_from_env()
    pair_id = world.registry.pair(pair).pair_id
    work = Backfill(open_instance(settings.home), world.history, world.candle_feed, WalletSnapshots(world), clock)
    return complete_days(work, pair_id, days, assets, as_json=as_json)


def complete_days(
    work: "Backfill", pair: str, days: Sequence[date], assets: "Sequence[Asset]", *, as_json: bool
) -> int:
    """Complete day after day under a progress bar; finished days stay whatever happens to the next one."""
    from alm_cli.progress import bars, terminal

    console = terminal()
    outcomes: list[DayOutcome] = []
    try:
        with bars(console) as progress:
            task = progress.add_task(pair, total=len(days) * len(assets))
            for asset, day in product(assets, days):
                progress.update(task, description=f"{asset} {pair} {day}")
                outcomes.append(work.run_day(asset, pair, day))
                progress.advance(task)
                if outcomes[-1].detail:
                    console.print(_line(outcomes[-1]), markup=False)
    except KeyboardInterrupt:
        console.print(f"stopped after {len(outcomes)} days; they are stored. Run the command again to go on.")
        return 130
    _show_outcomes(pair, outcomes, as_json=as_json)
    return 0 if all(outcome.good for outcome in outcomes) else 1


def show_gaps(
    pair: str, first: date | None, last: date | None, now: datetime, *, home: str | None = None, as_json: bool
) -> int:
    """Show what is stored of each day; exit code 1 if something is missing or nothing is stored."""
    from alm_resources.history import HistoryStore
    from alm_resources.history.gaps import coverage
    from alm_resources.settings import Settings

    environ = {**os.environ, **({"ALM_HOME": str(Path(home).resolve())} if home else {})}
    store = HistoryStore(Settings.from_env(environ).history_dir)
    if first and last and last < first:
        raise InvalidInput(f"--to {last} is before --from {first}")
    days = coverage(store, pair, first, last, now)
    whole = bool(days) and all(day.whole for day in days)
    if as_json:
        sys.stdout.write(json.dumps({"pair": pair, "whole": whole, "days": [_plain(day) for day in days]}) + "\n")
    else:
        _print_gaps(pair, days)
    return 0 if whole else 1


def _refuse_without_world(settings: "Settings") -> None:
    if settings.mode == "demo" and settings.registry_overlay is None:
        raise ConfigError("ALM_MODE=demo: its world lives only inside `alm demo` and `alm dev`; set ALM_MODE=paper")


def _days(first: date, last: date) -> list[date]:
    if last < first:
        raise InvalidInput(f"--to {last} is before --from {first}")
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]


def _line(outcome: "DayOutcome") -> str:
    return f"{outcome.asset} {outcome.day}: {outcome.state}: {outcome.detail}"


def _show_outcomes(pair: str, outcomes: "Sequence[DayOutcome]", *, as_json: bool) -> None:
    from collections import Counter

    from alm_cli.progress import terminal

    if as_json:
        from pydantic import TypeAdapter

        from alm_assets.backfill import DayOutcome

        days = TypeAdapter(list[DayOutcome]).dump_python(list(outcomes), mode="json")
        good = all(outcome.good for outcome in outcomes)
        sys.stdout.write(json.dumps({"pair": pair, "ok": good, "days": days}) + "\n")
        return
    counts = Counter(outcome.state for outcome in outcomes)
    fresh = sum(outcome.fresh for outcome in outcomes)
    states = ", ".join(f"{count} {state}" for state, count in counts.items())
    terminal().print(f"{pair}: {len(outcomes)} days, {states}; {fresh} minutes or snapshots were new")


def _print_gaps(pair: str, days: "Sequence[DayCoverage]") -> None:
    from rich.table import Table

    from alm_cli.progress import terminal

    console = terminal()
    if not days:
        console.print(f"{pair}: nothing is stored")
        return
    table = Table(pad_edge=False, box=None)
    for column in ("day", "minutes", "traded", "filled", "< 3 exchanges", "sources unknown", "missing"):
        table.add_column(column, justify="left" if column in ("day", "missing") else "right")
    for day in days:
        table.add_row(
            day.day.isoformat(),
            *(str(count) for count in (day.minutes, day.real, day.filled, day.thin, day.sources_unknown)),
            _missing(day),
            style=None if day.whole else "yellow",
        )
    console.print(table)
    holes = sum(not day.whole for day in days)
    console.print(f"{pair}: {len(days)} days, {holes} with holes" if holes else f"{pair}: {len(days)} days, no hole")


def _missing(day: "DayCoverage") -> str:
    parts = [f"{gap.start_at:%H:%M}-{gap.end_at:%H:%M}" for gap in day.missing[:SHOWN_RANGES]]
    if len(day.missing) > SHOWN_RANGES:
        parts.append(f"and {len(day.missing) - SHOWN_RANGES} more ranges")
    if day.epochs_missing:
        parts.append(f"{len(day.epochs_missing)} snapshots from {day.epochs_missing[0]:%H:%M}")
    return ", ".join(parts) or "-"


def _plain(day: "DayCoverage") -> dict[str, Any]:
    return {
        "day": day.day.isoformat(),
        "minutes": day.minutes,
        "real": day.real,
        "filled": day.filled,
        "thin": day.thin,
        "sources_unknown": day.sources_unknown,
        "missing": [[gap.start_at.isoformat(), gap.end_at.isoformat()] for gap in day.missing],
        "epochs_missing": [at.isoformat() for at in day.epochs_missing],
    }
