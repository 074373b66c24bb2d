"""Metadata of a backtest's day and of its report: what a person sees of them in the UI."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

import dagster as dg

from alm_assets.tables import (
    INPUTS_SHA256,
    Cell,
    Metadata,
    markdown_table,
    problem_list,
    range_metadata,
    signal_metadata,
)
from alm_core.model.backtest import BacktestEpoch, BacktestSummary
from alm_core.model.decisions import DecisionKind
from alm_core.model.epochs import EPOCHS_PER_DAY
from alm_core.model.pnl import PnlParts
from alm_core.model.transactions import ExecutionReport, IntentState

if TYPE_CHECKING:
    from alm_resources.history.backtests import BacktestRun, DayDone, StoredRun

RUN, FIRST_DAY = "run", "first_day"
"""Metadata entries that tell which run a day belongs to: the next day goes on with it."""
SHOWN_PROBLEMS = 10


def day_metadata(run: "BacktestRun", done: "DayDone", begin: str) -> Mapping[str, Metadata]:
    """Return the metadata of the four assets of a day, by name."""
    common = _common(run, done, begin)
    epochs = list(run.epochs(done.day, done.day))
    signals = [one.signals for one in epochs if one.signals is not None]
    found = [one.book.optimized for one in epochs if one.signals is not None and one.book.optimized is not None]
    return {
        "force_signals": {**(signal_metadata(signals[-1]) if signals else {}), **common},
        "optimized_ranges": {**(range_metadata(found[-1], found[-1]) if found else {}), **common},
        "allocations": {**_decisions(epochs), **common},
        "executed_transactions": {**_executed(list(run.executed(done.day, done.day))), **_figures(epochs), **common},
    }


def summary_metadata(run: "StoredRun", summary: BacktestSummary) -> Metadata:
    """The summary as a table, and its figures one by one so that the UI draws them over the days."""
    told = asdict(summary)
    figures: Metadata = {name: value for name, value in told.items() if isinstance(value, int | float)}
    rows = [(name, value) for name, value in told.items() if isinstance(value, int | float | str)]
    gain = summary.nav_end - summary.nav_start
    rows += [("gain", gain), ("gain over HODL", summary.nav_end - summary.hodl_usd)]
    return {
        **figures,
        RUN: run.name,
        FIRST_DAY: run.first_day.isoformat(),
        "folder": str(run.folder),
        "policy": summary.policy,
        "first_at": summary.first_at.isoformat(),
        "last_at": summary.last_at.isoformat(),
        "decisions": dg.MetadataValue.md(markdown_table(("decision", "epochs"), list(summary.decisions.items()))),
        "summary": dg.MetadataValue.md(markdown_table(("figure", "value (USD where it is money)"), rows)),
        "problems": problem_list(summary.problems),
        "assumptions": problem_list(summary.assumptions),
    }


def _common(run: "BacktestRun", done: "DayDone", begin: str) -> Metadata:
    return {
        RUN: run.name,
        FIRST_DAY: run.first_day.isoformat(),
        "begin": begin,
        "policy": run.setup.config.policy,
        "epochs": done.epochs,
        "epochs_without_market": EPOCHS_PER_DAY - done.valued,
        "cpu_seconds": done.seconds,
        "computed_now": str(done.computed),
        INPUTS_SHA256: done.seal,
    }


def _decisions(epochs: Sequence[BacktestEpoch]) -> Metadata:
    counts = Counter(one.kind.value for one in epochs)
    rows: list[tuple[Cell, ...]] = [
        (f"{one.epoch_at:%H:%M}", one.kind, one.price, one.nav_usd, one.reason)
        for one in epochs
        if one.kind is not DecisionKind.HOLD
    ]
    problems = Counter(text for one in epochs for text in one.problems).most_common(SHOWN_PROBLEMS)
    table = markdown_table(("UTC", "decision", "price", "NAV USD", "reason"), rows) if rows else "held all day"
    return {
        "decisions": ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "none",
        "acted": dg.MetadataValue.md(table),
        "problems": problem_list(f"{text} ({count}x)" for text, count in problems),
    }


def _executed(executed: Sequence[ExecutionReport]) -> Metadata:
    rows = [
        (f"{report.epoch_at:%H:%M}", tx.chain_id, tx.action, tx.summary, tx.state, tx.detail)
        for report in executed
        for tx in report.transactions
    ]
    table = markdown_table(("UTC", "chain", "action", "what", "state", "detail"), rows) if rows else "none"
    return {
        "transactions": dg.MetadataValue.md(table),
        "sent": len(rows),
        "failed": sum(tx.state is IntentState.FINAL_REVERTED for one in executed for tx in one.transactions),
    }


def _figures(epochs: Sequence[BacktestEpoch]) -> Metadata:
    """Profit and loss of the day in parts, and the value at its end where that is known."""
    parts = reduce(add, (one.parts for one in epochs), PnlParts())
    known = [one for one in epochs if one.nav_usd is not None and one.hodl_usd is not None]
    figures: Metadata = dict(asdict(parts))
    figures["change_usd"] = math.fsum(one.parts.change_usd for one in epochs)
    if known:
        figures["nav_usd"] = known[-1].nav_usd or 0.0
        figures["hodl_usd"] = known[-1].hodl_usd or 0.0
    return figures
