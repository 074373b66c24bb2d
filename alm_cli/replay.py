"""``alm replay``: epochs computed again from their recorded inputs and compared with what is stored."""

import os
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alm_cli.moments import day_of, moment_of
from alm_core.model.errors import InvalidInput

if TYPE_CHECKING:
    from rich.console import Console

    from alm_assets.fidelity import Fidelity
    from alm_assets.replay import EpochReplay
    from alm_resources.history import HistoryStore

FAITHFUL_BP = 5.0
"""How far values may lie from the record, over all epochs together."""
_COLOURS = {"identical": "green", "different": "red", "unknown": "yellow"}


@click.command()
@click.option("--pair", required=True, help="Pair, e.g. WETH-USDC.")
@click.option("--epoch", "epoch_at", default=None, help="Epoch to compute again, ISO time.")
@click.option("--from", "first", default=None, help="First UTC day to compute again, YYYY-MM-DD.")
@click.option("--to", "last", default=None, help="Last UTC day; default the first.")
@click.option("--simulate", is_flag=True, help="Carry the plans out in the simulated venue and compare values too.")
@click.option("--home", default=None, type=click.Path(exists=True), help="Home to look at; default ALM_HOME.")
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object on stdout.")
def replay(
    pair: str,
    epoch_at: str | None,
    first: str | None,
    last: str | None,
    simulate: bool,
    home: str | None,
    as_json: bool,
) -> None:
    """Compute epochs again from stored inputs and compare bytes; exit code 0 only if all are identical.

    With --simulate they are also carried out in the venue of backtests, and what it makes of them is compared with what
    the wallet really had at the next epoch.
    """
    bounds = _bounds(epoch_at, first, last)
    run = run_simulation if simulate else run_replay
    sys.exit(run(pair, *bounds, home=home, as_json=as_json))


def run_replay(pair: str, start_at: datetime, end_at: datetime, *, home: str | None = None, as_json: bool) -> int:
    """Replay the epochs in ``[start_at, end_at)``; 0 only if there are some and all are identical."""
    from alm_assets.replay import epochs_between, replay_epoch
    from alm_cli.progress import bars, terminal
    from alm_core.model.epochs import EPOCH_LENGTH, Epoch

    history = _history(home)
    epochs = epochs_between(history, pair, start_at, end_at)
    if not epochs and end_at - start_at == EPOCH_LENGTH:
        epochs = [Epoch(pair=pair, epoch_at=start_at)]
    console = terminal()
    with bars(console) as progress:
        tracked = progress.track(epochs, description=f"replay {pair}")
        replays = [replay_epoch(epoch, history) for epoch in tracked]
    _show(replays, history.root, console, as_json=as_json)
    return 0 if replays and all(one.verdict == "identical" for one in replays) else 1


def run_simulation(pair: str, start_at: datetime, end_at: datetime, *, home: str | None = None, as_json: bool) -> int:
    """Live recorded epochs again; 0 only if all decide alike and their values lie within ``FAITHFUL_BP``."""
    import json

    from alm_assets.fidelity import lived_again
    from alm_assets.replay import epochs_between
    from alm_cli.progress import bars, terminal

    history = _history(home)
    console = terminal()
    with bars(console) as progress:
        found = lived_again(
            pair,
            progress.track(epochs_between(history, pair, start_at, end_at), description=f"simulate {pair}"),
            history,
        )
    if as_json:
        sys.stdout.write(json.dumps(_fidelity_json(found)) + "\n")
    else:
        for one in found.others:
            console.print(f"{one.epoch_at.isoformat()} [red]decides otherwise[/] {one.problem}")
        console.print(
            f"{len(found.epochs)} epochs, {len(found.others)} decide otherwise; simulated values are "
            f"{found.error_frac * 1e4:+.2f} bp off in all, {found.worst_frac * 1e4:.2f} bp at worst in one epoch"
        )
    return 0 if found.epochs and not found.others and abs(found.error_frac) * 1e4 <= FAITHFUL_BP else 1


def _fidelity_json(found: "Fidelity") -> dict[str, object]:
    return {
        "pair": found.pair,
        "epochs": len(found.epochs),
        "compared": sum(one.error_frac is not None for one in found.epochs),
        "others": [one.epoch_at.isoformat() for one in found.others],
        "error_bp": found.error_frac * 1e4,
        "worst_bp": found.worst_frac * 1e4,
    }


def _history(home: str | None) -> "HistoryStore":
    from alm_resources.history import HistoryStore
    from alm_resources.settings import Settings

    environ = {**os.environ, **({"ALM_HOME": str(Path(home).resolve())} if home else {})}
    return HistoryStore(Settings.from_env(environ).history_dir)


def _bounds(epoch_at: str | None, first: str | None, last: str | None) -> tuple[datetime, datetime]:
    from alm_core.model.epochs import EPOCH_LENGTH, Epoch

    if (epoch_at is None) == (first is None):
        raise InvalidInput("give either --epoch, or --from and --to")
    if epoch_at is not None:
        at = Epoch(pair="-", epoch_at=moment_of("--epoch", epoch_at)).epoch_at.astimezone(UTC)
        return at, at + EPOCH_LENGTH
    since = day_of("--from", first or "")
    until = day_of("--to", last) if last else since
    if until < since:
        raise InvalidInput(f"--to {until} is before --from {since}")
    return _start(since), _start(until) + timedelta(days=1)


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _show(replays: "list[EpochReplay]", root: Path, console: "Console", *, as_json: bool) -> None:
    counts = Counter(one.verdict for one in replays)
    if as_json:
        _write_json(replays, counts)
        return
    for one in replays:
        if one.verdict != "identical" or len(replays) == 1:
            _show_epoch(one, console)
    if not replays:
        console.print(f"[yellow]unknown[/] no epoch is recorded under {root}")
    others = sorted({one.recorded_code for one in replays if one.other_code})
    if others:
        from alm_assets.versions import code_version

        console.print(f"decided by code {', '.join(others)}, computed again by {code_version()}")
    console.print(", ".join(f"{counts[verdict]} [{colour}]{verdict}[/]" for verdict, colour in _COLOURS.items()))


def _show_epoch(one: "EpochReplay", console: "Console") -> None:
    console.print(f"{one.epoch_at.isoformat()} [{_COLOURS[one.verdict]}]{one.verdict}[/]")
    if one.reason:
        console.print(f"  {one.reason}", markup=False)
    for asset in one.assets:
        text = f"  {asset.asset}: {asset.state}"
        if asset.state == "different":
            text += f" in {asset.field}: stored {asset.stored}, computed {asset.computed}"
        elif asset.state == "unknown":
            text += ": nothing is stored to compare with"
        console.print(text, markup=False)


def _write_json(replays: "list[EpochReplay]", counts: "Counter[Any]") -> None:
    import json

    from pydantic import TypeAdapter

    from alm_assets.replay import EpochReplay
    from alm_assets.versions import code_version

    epochs = TypeAdapter(list[EpochReplay]).dump_python(replays, mode="json")
    summary = {verdict: counts[verdict] for verdict in _COLOURS}
    sys.stdout.write(json.dumps({"code_version": code_version(), **summary, "epochs": epochs}) + "\n")
