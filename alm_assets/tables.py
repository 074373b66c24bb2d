"""Metadata of the assets: the tables and figures a person looks for in the UI."""

from collections.abc import Iterable, Sequence

import dagster as dg

from alm_core.model.signals import Forces, ForceSignals, OptimizedRange, RegimeState
from alm_core.model.transactions import ExecutionReport

Metadata = dict[str, dg.MetadataValue | str | int | float]
Cell = str | int | float | None

INPUTS_SHA256 = "inputs_sha256"
"""Metadata entry of every asset: SHA-256 of what it read, of a strategy asset that of the record of its inputs."""

PROBLEM_TEXTS = "problem_texts"
"""Metadata entry of an asset that a person must hear of: the texts as they were, for alerts."""


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Return a Markdown table; unknown cells say so, text from outside cannot break it."""
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    lines += [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines)


def signal_metadata(signals: ForceSignals) -> Metadata:
    """Forces by timeframe, each 0 to 100."""
    rows = [("composite", signals.composite), *signals.timeframes.items()]
    return {
        "epoch_at": signals.epoch_at.isoformat(),
        "price": signals.price,
        "volatility": signals.composite.volatility,
        "momentum": signals.composite.momentum,
        "trend": signals.composite.trend,
        "forces": dg.MetadataValue.md(
            markdown_table(
                ("timeframe", "volatility", "momentum", "trend", "σ per √year"),
                [_forces_row(name, forces) for name, forces in rows],
            )
        ),
        "candles_used": signals.candles_used,
        "reason": signals.reason or "usable",
    }


def range_metadata(optimized: OptimizedRange, previous: OptimizedRange | None) -> Metadata:
    """Range, the parameters in force, how they scored, the regime and the kill switches; news of these for alerts."""
    found, params, regime = optimized.price_range, optimized.params, optimized.regime
    rows: list[tuple[str, Cell]] = [
        ("lower (quote per base)", found.lower),
        ("upper (quote per base)", found.upper),
        ("breadth frac", found.breadth_frac),
        ("kind", found.kind),
        ("base_min_frac", params.base_min_frac),
        ("base_max_frac", params.base_max_frac),
        ("vforce_exp", params.vforce_exp),
        ("vforce_divider", params.vforce_divider),
        ("rs_threshold", params.rs_threshold),
        ("fitness on training part (net APR frac)", optimized.train_fitness),
        ("fitness on validation part", optimized.fitness),
        ("fitness of parameters before", optimized.baseline_fitness),
        ("fitness on test part", optimized.test_fitness),
        ("evaluations", optimized.evaluations),
        ("regime", regime.state),
        ("regime since", regime.since_at.isoformat() if regime.since_at else "always"),
        ("calm epochs", regime.calm_epochs),
        ("widths times", regime.widen_factor),
    ]
    news = range_news(optimized, previous)
    return {
        "epoch_at": optimized.epoch_at.isoformat(),
        "lower": found.lower,
        "upper": found.upper,
        "adopted": str(optimized.success),
        "reason": optimized.reason or "none",
        "range": dg.MetadataValue.md(markdown_table(("figure", "value"), rows)),
        "regime": regime.state.value,
        "regime_reason": regime.reason or "none",
        "kill_switches": problem_list(optimized.kill_switches),
        **({PROBLEM_TEXTS: dg.MetadataValue.json(news)} if news else {}),
    }


def range_news(optimized: OptimizedRange, previous: OptimizedRange | None) -> list[str]:
    """Return what began at this epoch: a regime other than the normal one, kill switches that did not fire before."""
    regime = optimized.regime
    news: list[str] = []
    if regime.state is not RegimeState.NORMAL and regime.since_at == optimized.epoch_at:
        news.append(f"regime {regime.state}: {regime.reason}")
    before = {_switch(text) for text in previous.kill_switches} if previous is not None else set[str]()
    return news + [f"kill switch: {text}" for text in optimized.kill_switches if _switch(text) not in before]


def _switch(text: str) -> str:
    """Name of a kill switch: its figures differ from epoch to epoch."""
    return text.partition(":")[0]


def execution_metadata(report: ExecutionReport) -> Metadata:
    """Transactions and reconciliation; ``failed`` is what the failed-transaction sensor looks at."""
    from alm_core.accounting.epoch_reports import FAILED

    rows = [
        (t.chain_id, t.action, t.summary, t.state, t.tx_hash, t.gas_used, t.detail or "-") for t in report.transactions
    ]
    return {
        "epoch_at": report.epoch_at.isoformat(),
        "transactions": dg.MetadataValue.md(
            markdown_table(("chain", "action", "what", "state", "hash", "gas", "detail"), rows) if rows else "none"
        ),
        "sent": len(rows),
        "failed": sum(t.state in FAILED for t in report.transactions),
        "halted": report.halted or "no",
        "reconciled": dg.MetadataValue.md(
            markdown_table(
                ("chain", "block", "agrees", "differences", "adopted"),
                [
                    (r.chain_id, r.block_number, "yes" if r.green else "NO", _items(r.differences), _items(r.adopted))
                    for r in report.reconciliations
                ],
            )
        ),
    }


def problem_list(problems: Iterable[str]) -> dg.MetadataValue:
    """Return problems as a Markdown list, ``none`` where there are none."""
    return dg.MetadataValue.md("\n".join(f"- {_cell(text)}" for text in problems) or "none")


def _forces_row(name: str, forces: Forces) -> Sequence[Cell]:
    return name, forces.volatility, forces.momentum, forces.trend, forces.sigma_annual_frac


def _items(texts: Sequence[str]) -> str:
    return "; ".join(texts) or "-"


def _cell(value: Cell) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, float):
        return f"{value:,.6g}" if abs(value) < 1 else f"{value:,.4f}"
    return str(value).replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")[:300]
