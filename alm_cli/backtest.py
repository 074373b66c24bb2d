"""``alm backtest``: recorded days lived through by a policy, over a simulated portfolio and venue."""

import json
import os
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alm_cli.moments import day_of
from alm_core.model.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster import DagsterInstance
    from rich.console import Console

    from alm_assets.backtest_runs import Backtests, Choice
    from alm_core.model.backtest import BacktestSummary
    from alm_resources.history.backtests import BacktestRun, DayDone

DAY = timedelta(days=1)
STOPPED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked for."""

    pair: str
    first_day: date
    last_day: date
    choice: "Choice"
    home: str | None = None
    anew: bool = False
    report: bool = False
    page: str | None = None
    as_json: bool = False


def _list_policies(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    from alm_core.backtest.deciders import DECIDERS

    width = max(map(len, DECIDERS))
    for name, words in DECIDERS.items():
        click.echo(f"{name:{width}}  {words}")
    context.exit()


@click.command()
@click.option(
    "--policies", is_flag=True, is_eager=True, expose_value=False, callback=_list_policies, help="List who can decide."
)
@click.option("--pair", required=True, help="Pair, e.g. WETH-USDC.")
@click.option("--from", "first", required=True, help="First UTC day, YYYY-MM-DD.")
@click.option("--to", "last", required=True, help="Last UTC day.")
@click.option("--policy", default=None, help="Who decides (--policies); else ALM_BACKTEST_POLICY, else default.")
@click.option(
    "--capital", default=None, type=float, help="USD at the first epoch; else ALM_BACKTEST_CAPITAL_USD, 10000."
)
@click.option("--recorded-holdings", is_flag=True, help="Begin with what was held at the first epoch instead.")
@click.option("--latency", default=None, type=int, help="Quarter hours from decision to execution; default 1.")
@click.option("--failures", default=None, type=float, help="Share of executions that fail, 0 to 1; default 0.")
@click.option("--seed", default=None, type=int, help="Seed of the failures; default 0.")
@click.option("--quote-usd", default=None, type=float, help="USD per quote token where snapshots know none, e.g. 1.0.")
@click.option("--native-usd", multiple=True, metavar="CHAIN=USD", help="The same per native coin of a chain; repeat.")
@click.option(
    "--home", default=None, type=click.Path(exists=True), help="Home with the recorded history; default ALM_HOME."
)
@click.option("--anew", is_flag=True, help="Compute days again that are stored.")
@click.option("--report", is_flag=True, help="Show the days in the Dagster UI of the home as materialized.")
@click.option("--page", default=None, type=click.Path(dir_okay=False), help="Write the report as one HTML file.")
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object on stdout.")
def backtest(
    pair: str,
    first: str,
    last: str,
    policy: str | None,
    capital: float | None,
    recorded_holdings: bool,
    latency: int | None,
    failures: float | None,
    seed: int | None,
    quote_usd: float | None,
    native_usd: tuple[str, ...],
    home: str | None,
    anew: bool,
    report: bool,
    page: str | None,
    as_json: bool,
) -> None:
    """Run a policy over recorded days; days that are stored are not computed again. Run it again to go on."""
    from alm_assets.backtest_runs import Choice

    first_day, last_day = day_of("--from", first), day_of("--to", last)
    if last_day < first_day:
        raise InvalidInput(f"--to {last_day} is before --from {first_day}")
    choice = Choice(
        policy=policy,
        capital_usd=capital,
        recorded_holdings=recorded_holdings,
        latency_epochs=latency,
        failure_frac=failures,
        seed=seed,
        quote_usd=quote_usd,
        native_usd=native_usd,
    )
    sys.exit(
        run_backtest_of(
            Request(
                pair=pair,
                first_day=first_day,
                last_day=last_day,
                choice=choice,
                home=home,
                anew=anew,
                report=report,
                page=page,
                as_json=as_json,
            )
        )
    )


def run_backtest_of(request: Request) -> int:
    """Run what was asked for; 0 when it is done, 130 when it was stopped.

    Raises
    ------
    InvalidInput
        If nothing is recorded of the window, or nothing that a decision can be taken on.
    ConfigError
        If the policy is not known, or a value is out of its range.
    """
    from alm_assets.backtest_runs import backtests_from
    from alm_cli.progress import terminal

    environ = {**os.environ, **({"ALM_HOME": str(Path(request.home).resolve())} if request.home else {})}
    backtests = backtests_from(environ)
    run = backtests.run(request.pair, request.choice, request.first_day)
    backtests.refuse_unrecorded(request.pair, request.first_day, request.last_day)
    console = terminal()
    instance = _instance(backtests, run) if request.report else None
    done: list[DayDone] = []
    try:
        for one in _days(request, run, console):
            done.append(one)
            if instance is not None:
                from alm_assets.backtest_reported import report_day

                report_day(instance, backtests.recorded, run, one)
    except KeyboardInterrupt:
        console.print(f"stopped after {len(done)} days; they are stored. Run the command again to go on.")
        return STOPPED
    backtests.refuse_unusable(run, request.last_day)
    _finish(request, backtests, run, instance)
    _show(run, done, request, console)
    return 0


def _days(request: Request, run: "BacktestRun", console: "Console") -> "Iterator[DayDone]":
    """Yield the days under a progress bar."""
    from alm_cli.progress import bars

    with bars(console) as progress:
        task = progress.add_task(f"{request.pair}", total=(request.last_day - request.first_day).days + 1)
        for one in run.days(request.last_day, anew_from=request.first_day if request.anew else None):
            yield one
            progress.update(task, advance=1, description=f"{request.pair} {one.day}")


def _instance(backtests: "Backtests", run: "BacktestRun") -> "DagsterInstance":
    from alm_assets.partitions import register_pairs
    from alm_cli.home import open_instance

    instance = open_instance(backtests.home)
    register_pairs(instance, [run.pair])
    return instance


def _finish(request: Request, backtests: "Backtests", run: "BacktestRun", instance: "DagsterInstance | None") -> None:
    if instance is not None:
        from alm_assets.backtest_reported import report_end

        report_end(instance, backtests.recorded, run, request.last_day)
    if request.page is not None:
        from alm_assets.backtest_pages import page_of
        from alm_resources.history.files import replace_file

        replace_file(Path(request.page).resolve(), page_of(run, backtests.recorded, request.last_day).encode())


def _show(run: "BacktestRun", done: "list[DayDone]", request: Request, console: "Console") -> None:
    from alm_resources.history.payload import payload_of

    summary = run.summary(request.last_day)
    if request.as_json:
        sys.stdout.write(json.dumps({**json.loads(payload_of(summary)), "folder": str(run.folder)}) + "\n")
        return
    found = sum(not one.computed for one in done)
    console.print(_table(summary))
    days = "1 day" if len(done) == 1 else f"{len(done)} days"
    console.print(f"{days}, {found} of them stored before; all is in {run.folder}", soft_wrap=True)
    if request.page is not None:
        console.print(f"report: {request.page}", soft_wrap=True)


def _table(summary: "BacktestSummary") -> object:
    from rich.table import Table

    change = summary.nav_end - summary.nav_start
    table = Table(pad_edge=False, box=None, title=f"{summary.pair}, policy {summary.policy}", title_justify="left")
    for column in ("figure", "USD", ""):
        table.add_column(column, justify="right" if column == "USD" else "left")
    rows = (
        ("value before the first decision", summary.nav_start, f"{summary.first_at:%Y-%m-%d %H:%M} UTC"),
        ("value at the end", summary.nav_end, f"{summary.last_at:%Y-%m-%d %H:%M} UTC"),
        ("change", change, f"{change / summary.nav_start:+.2%}"),
        ("  fees", summary.fees_usd, ""),
        ("  rewards", summary.rewards_usd, ""),
        ("  loss versus rebalancing", -summary.lvr_usd, ""),
        ("  swaps", -summary.swap_usd, ""),
        ("  gas", -summary.gas_usd, ""),
        ("  bridges", -summary.bridge_usd, ""),
        ("  price of what was held", summary.price_usd, ""),
        (
            "HODL at the end",
            summary.hodl_usd,
            f"{(summary.nav_end - summary.hodl_usd) / summary.nav_start:+.2%} over it",
        ),
    )
    for name, value, note in rows:
        table.add_row(name, f"{value:,.2f}", note)
    decisions = ", ".join(f"{count} {kind}" for kind, count in summary.decisions.items())
    table.add_row("decisions", str(summary.epochs), decisions)
    table.add_row("carried out", str(summary.rebalances), f"{summary.failures} failed" if summary.failures else "")
    table.add_row(
        "epochs without a market", str(summary.epochs_missing), "held through" if summary.epochs_missing else ""
    )
    table.add_row("CPU seconds", f"{summary.seconds:,.1f}", "")
    for words in summary.assumptions:
        table.add_row("assumed", "", words)
    for problem in summary.problems:
        table.add_row("[yellow]problem[/]", "", problem)
    return table
