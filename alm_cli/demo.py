"""``alm demo``: cycles for every pair through Dagster against the embedded world, a table, and a verdict.

Exit code 0 only if every intent is terminal, books equal chain to the wei, no transaction failed, and every pair was
reallocated or shifted at least once. With faults an epoch may be refused and a pair may stay where it is, but no stored
close may be far from the market's.
"""

import json
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live

from alm_cli.embedded import embedded_world, first_epoch_of_demo
from alm_cli.faulted import FaultedSources, show_deviations, summary_of_faults, true_enough
from alm_cli.home import open_instance
from alm_cli.progress import terminal
from alm_cli.table import add_epoch, epoch_table, figure
from alm_cli.verdict import Verdict, verdict_of
from alm_core.model.decisions import DecisionKind
from alm_core.model.epochs import EPOCH_LENGTH
from alm_core.model.reports import EpochReport

if TYPE_CHECKING:
    from alm_localnet import Localnet
    from alm_localnet.market.truth import Deviation


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What the user asked for."""

    epochs: int
    seed: int
    tape: str | None
    home: str
    as_json: bool
    faults: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    reports: list[EpochReport]
    verdict: Verdict
    deviations: "dict[str, Deviation] | None"

    @property
    def good(self) -> bool:
        if self.deviations is None:
            return self.verdict.good
        # An epoch whose sources leave no price is refused: that is what faults are for.
        return self.verdict.reconciled and not self.verdict.failed and true_enough(self.deviations)


def run_demo(options: DemoOptions) -> int:
    """Run the demo and return its exit code."""
    started = time.monotonic()
    console = terminal(stderr=options.as_json)
    first = first_epoch_of_demo(options.epochs)
    with embedded_world(
        Path(options.home), seed=options.seed, tape=options.tape, first_epoch_at=first, console=console
    ) as localnet:
        run = _play(localnet, options, first, console)
    seconds = time.monotonic() - started
    _summarise(run, seconds, options, console)
    return 0 if run.good else 1


def _play(localnet: "Localnet", options: DemoOptions, first: datetime, console: Console) -> _Run:
    from alm_assets.resources import world_from_env
    from alm_assets.runner import run_epoch

    world = world_from_env()
    instance = open_instance(Path(options.home))
    reports: list[EpochReport] = []
    table = epoch_table()
    faulted = FaultedSources(localnet, options.seed) if options.faults else None
    with Live(table, console=console, auto_refresh=False, vertical_overflow="visible") as live:
        for number in range(options.epochs):
            epoch_at = first + number * EPOCH_LENGTH
            if faulted:
                faulted.switch_on(number)
            localnet.advance_to(epoch_at)
            for pair_id in world.settings.pairs:
                report = run_epoch(instance, pair_id, epoch_at).report
                reports.append(report)
                add_epoch(table, report)
                live.refresh()
                if not console.is_terminal:  # the table is printed at the end; a log shows that something happens
                    done = f"{number + 1}/{options.epochs}"
                    console.print(f"{done} {pair_id} {report.decision}, {report.transactions_ok} transactions")
            if faulted:
                faulted.show_epoch(world, epoch_at, console)
    last = first + (options.epochs - 1) * EPOCH_LENGTH
    deviations = faulted.judge(world, first, last) if faulted else None
    return _Run(reports=reports, verdict=verdict_of(world, reports), deviations=deviations)


def _summarise(run: _Run, seconds: float, options: DemoOptions, console: Console) -> None:
    verdict = run.verdict
    summary = summary_of(run.reports, verdict, seconds)
    console.print()
    for pair, figures in summary["pairs"].items():
        console.print(
            f"[bold]{pair}[/]: NAV {figure(figures['nav_start_usd'], ',.2f')} -> "
            f"{figure(figures['nav_end_usd'], ',.2f')} USD, "
            f"fees {figure(figures['fees_usd'], '.2f')}, gas {figures['gas_usd']:.2f}, "
            + ", ".join(f"{count} {kind}" for kind, count in figures["decisions"].items())
        )
    sent = summary["transactions"]
    console.print(
        f"{summary['epochs']} epochs, {sent['sent']} transactions sent, {sent['failed']} failed, {seconds:.0f} s"
    )
    if run.deviations is not None:
        show_deviations(run.deviations, console)
        summary["faults"] = summary_of_faults(run.deviations)
    for fault in verdict.faults:
        console.print(f"[yellow]refused or still:[/] {fault}" if run.good else f"[red]not in order:[/] {fault}")
    if run.good:
        console.print("[green]in order:[/] every intent is settled, books equal the chains to the wei.")
    console.print(f"Look at every epoch: .venv/bin/alm ui --home {options.home}")
    if options.as_json:
        sys.stdout.write(json.dumps(summary) + "\n")


def summary_of(reports: list[EpochReport], verdict: Verdict, seconds: float) -> dict[str, Any]:
    """Return the JSON object of ``alm demo --json``."""
    by_pair: dict[str, list[EpochReport]] = {}
    for report in reports:
        by_pair.setdefault(report.pair, []).append(report)
    counts = Counter(report.decision.value for report in reports)
    return {
        "epochs": len(reports),
        "pairs": {pair: _pair_summary(of_pair) for pair, of_pair in by_pair.items()},
        "decisions": {kind.value: counts[kind.value] for kind in DecisionKind},
        "transactions": {"sent": verdict.sent, "failed": verdict.failed},
        "reconciled": verdict.reconciled,
        "nav": {pair: of_pair[-1].nav_usd for pair, of_pair in by_pair.items()},
        "seconds": round(seconds, 1),
    }


def _pair_summary(reports: list[EpochReport]) -> dict[str, Any]:
    known = [report.nav_usd for report in reports if report.nav_usd is not None]
    fees = [report.fees_usd for report in reports if report.fees_usd is not None]
    return {
        "epochs": len(reports),
        "decisions": dict(Counter(report.decision.value for report in reports)),
        "nav_start_usd": known[0] if known else None,
        "nav_end_usd": known[-1] if known else None,
        "fees_usd": fees[-1] if fees else None,
        "gas_usd": sum(report.gas_usd or 0.0 for report in reports),
        "problems": sorted({problem for report in reports for problem in report.problems}),
    }
