"""``alm books pnl``, ``lots`` and ``export``: what recorded accounts came to, and files for tax programs."""

import json
import os
import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from alm_cli.books_views import By, counted, plain_lots, plain_pnl, print_lots, print_pnl, text_of
from alm_cli.moments import day_of
from alm_core.model.errors import InvalidInput

if TYPE_CHECKING:
    from alm_core.accounting.exports_rows import Exported
    from alm_core.accounting.lots import Method
    from alm_resources.accounts import PairAccounts

Format = Literal["koinly", "rotki", "rotki-trades"]

pair_option = click.option("--pair", required=True, help="Pair, e.g. WETH-USDC.")
from_option = click.option("--from", "first", required=True, help="First UTC day, YYYY-MM-DD.")
to_option = click.option("--to", "last", required=True, help="Last UTC day.")
home_option = click.option("--home", default=None, type=click.Path(exists=True), help="Home to read; default ALM_HOME.")
json_option = click.option("--json", "as_json", is_flag=True, help="End with one JSON object on stdout.")
lp_option = click.option(
    "--lp-as-disposal", is_flag=True, help="Liquidity put in counts as sold, taken out as bought; default: neither."
)


@click.command()
@pair_option
@from_option
@to_option
@click.option("--by", type=click.Choice(["epoch", "position", "pool", "chain"]), default="epoch", show_default=True)
@home_option
@json_option
def pnl(pair: str, first: str, last: str, by: By, home: str | None, as_json: bool) -> None:
    """Profit and loss in parts that add up, against HODL and doing nothing, with returns and promises kept."""
    accounts, span = _accounts(pair, home), _span(first, last)
    found = counted(accounts, span)
    if as_json:
        sys.stdout.write(json.dumps(plain_pnl(pair, found, by), default=text_of) + "\n")
    else:
        print_pnl(pair, found, by)


@click.command()
@pair_option
@click.option("--to", "last", default=None, help="Last UTC day; default all that is booked.")
@click.option("--method", type=click.Choice(["fifo", "lifo", "hifo"]), default="fifo", show_default=True)
@lp_option
@home_option
@json_option
def lots(pair: str, last: str | None, method: "Method", lp_as_disposal: bool, home: str | None, as_json: bool) -> None:
    """Lots that are left and what was realised, from the beginning of the books."""
    from alm_core.accounting.lots import kept_lots
    from alm_resources.history.store import day_bounds

    until = day_bounds(day_of("--to", last))[1] if last else None
    events = [one for one in _accounts(pair, home).events() if until is None or one.at is None or one.at < until]
    found = kept_lots(events, method, lp_as_disposal=lp_as_disposal)
    if as_json:
        sys.stdout.write(json.dumps(plain_lots(pair, found), default=text_of) + "\n")
    else:
        print_lots(pair, found)


@click.command()
@click.option("--format", "form", type=click.Choice(["koinly", "rotki", "rotki-trades"]), required=True)
@pair_option
@from_option
@to_option
@click.option("--chain", "chain_id", type=int, default=None, help="Only this chain, as a wallet of its own.")
@lp_option
@click.option("--out", default=None, type=click.Path(dir_okay=False, path_type=Path), help="File; default stdout.")
@home_option
def export(
    form: Format,
    pair: str,
    first: str,
    last: str,
    chain_id: int | None,
    lp_as_disposal: bool,
    out: Path | None,
    home: str | None,
) -> None:
    """Write what happened to a wallet's assets as CSV for Koinly or rotki. Exit code 1 if something cannot be told."""
    accounts, span = _accounts(pair, home), _span(first, last)
    events = accounts.events()
    found = _exported(form, events, span, chain_id, lp_as_disposal=lp_as_disposal)
    _write(found, out)
    if form == "rotki":
        trades = _exported("rotki-trades", events, span, chain_id, lp_as_disposal=lp_as_disposal)
        if trades.rows and out is not None:
            _write(trades, out.with_suffix(f".trades{out.suffix}"))
        elif trades.rows:
            click.echo(f"{trades.rows} trades are in a file of their own: --format rotki-trades", err=True)
    for problem in found.problems:
        click.echo(f"left out: {problem}", err=True)
    sys.exit(1 if found.problems else 0)


def _accounts(pair: str, home: str | None) -> "PairAccounts":
    from alm_resources.accounts import PairAccounts
    from alm_resources.history import HistoryStore
    from alm_resources.journal import SqlJournal
    from alm_resources.registry import load_registry
    from alm_resources.settings import Settings

    settings = Settings.from_env({**os.environ, **({"ALM_HOME": str(Path(home).resolve())} if home else {})})
    registry = load_registry(settings.registry_overlay)
    pair_id = registry.pair(pair).pair_id
    return PairAccounts(pair_id, HistoryStore(settings.history_dir), SqlJournal(settings.journal_url), registry)


def _span(first: str, last: str) -> tuple[datetime, datetime]:
    from alm_resources.history.store import day_bounds

    start, end = day_of("--from", first), day_of("--to", last)
    if end < start:
        raise InvalidInput(f"--to {last} is before --from {first}")
    return day_bounds(start)[0], day_bounds(end)[1]


def _exported(
    form: Format,
    events: Iterable[Any],
    span: tuple[datetime, datetime],
    chain_id: int | None,
    *,
    lp_as_disposal: bool,
) -> "Exported":
    from alm_core.accounting.exports_koinly import koinly_csv
    from alm_core.accounting.exports_rotki import rotki_events_csv, rotki_trades_csv

    writers = {"koinly": koinly_csv, "rotki": rotki_events_csv, "rotki-trades": rotki_trades_csv}
    return writers[form](events, *span, chain_id=chain_id, lp_as_disposal=lp_as_disposal)


def _write(found: "Exported", out: Path | None) -> None:
    if out is None:
        sys.stdout.write(found.text)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(found.text, encoding="utf-8")
    click.echo(f"{out}: {found.rows} rows", err=True)
