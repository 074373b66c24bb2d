"""What ``alm sweep`` ends with: choices best first, best and worst cell, and how choices did on later windows."""

from collections import Counter
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from alm_core.model.sweeps import ForwardStep, SweepCell, SweepGrid, SweepResult
from alm_core.sweeps.ranking import over_hodl, ranked, scores_by_choice, walk_forward
from alm_core.sweeps.words import (
    CHOICE_COLUMNS,
    FORWARD_COLUMNS,
    choice_count,
    choice_row,
    forward_row,
    in_sample_note,
    parameters_text,
)
from alm_resources.sweeps.run import SweepRun

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def sweep_json(run: SweepRun, grid: SweepGrid, out: Path, engine: str, seconds: float) -> dict[str, Any]:
    """Return the object of ``--json``; ``nav_over_hodl`` is ``nav_end / hodl_usd``."""
    states = Counter(result.outcome.status for result in run.results)
    best_first, steps = ranked(run.results), walk_forward(run.results)
    scores = [score for result in best_first if (score := over_hodl(result)) is not None]
    return {
        "out": str(out),
        "engine": engine,
        "workers": run.workers,
        "seconds": seconds,
        "cells": run.cells,
        "ok": states["ok"],
        "failed": states["failed"],
        "died": states["died"],
        "reused": run.reused,
        "best": _cell_json(best_first[0], grid) if best_first else None,
        "worst": _cell_json(best_first[-1], grid) if best_first else None,
        "spread": scores[0] - scores[-1] if scores else None,
        "median": median(scores) if scores else None,
        "choices": [
            {**_named(one.cell, grid), "windows": one.windows, "mean": one.mean_over_hodl, "worst": one.worst_over_hodl}
            for one in scores_by_choice(run.results)
        ],
        "walk_forward": [_step_json(step, grid) for step in steps],
        "note": in_sample_note(choice_count(grid), len(steps)),
        "reasons": dict(Counter(result.outcome.reason for result in run.results if result.outcome.reason)),
    }


def show_sweep(run: SweepRun, grid: SweepGrid, out: Path, console: "Console", top: int, seconds: float) -> None:
    """Print the choices, the best and the worst cell, walk-forward scores, and what must be known about them."""
    states = Counter(result.outcome.status for result in run.results)
    best_first, steps = ranked(run.results), walk_forward(run.results)
    _print_choices(run, grid, console, top)
    for word, result in (("best", best_first[:1]), ("worst", best_first[-1:])):
        for one in result:
            console.print(f"{word} cell: {_cell_line(one, grid)}", markup=False)
    if best_first:
        scores = [score for result in best_first if (score := over_hodl(result)) is not None]
        console.print(f"spread {scores[0] - scores[-1]:.4f}, median {median(scores):.4f}", markup=False)
    _print_forward(steps, grid, console, top)
    console.print(in_sample_note(choice_count(grid), len(steps)), markup=False)
    counts = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    told = f"{run.cells} cells: {counts}; {run.reused} finished earlier, the others in {seconds:.1f} s"
    console.print(f"{told} by {run.workers} processes", markup=False)
    console.print(f"{out}", markup=False)


def _print_choices(run: SweepRun, grid: SweepGrid, console: "Console", top: int) -> None:
    scores = scores_by_choice(run.results)
    if scores:
        table = _table(f"By choice over windows, best first ({len(scores)} choices)", CHOICE_COLUMNS, 3)
        for one in scores[:top]:
            table.add_row(*choice_row(one, grid.varied))
        console.print(table)


def _print_forward(steps: list[ForwardStep], grid: SweepGrid, console: "Console", top: int) -> None:
    if not steps:
        return
    table = _table("Walk forward: chosen on one window, scored on the next", FORWARD_COLUMNS, 4)
    for step in steps[-top:]:
        table.add_row(*forward_row(step, grid.varied))
    console.print(table)
    chosen = fmean(step.chosen_over_hodl for step in steps)
    scored = fmean(step.scored_over_hodl for step in steps)
    blind = fmean(step.median_over_hodl for step in steps)
    told = f"mean of {len(steps)} steps: {chosen:.4f} where it was chosen, {scored:.4f} on later data"
    console.print(f"{told}; the median choice there {blind:.4f}", markup=False)


def _table(title: str, columns: tuple[str, ...], words: int) -> "Table":
    """A table whose first columns are words and the others figures."""
    from rich.table import Table

    table = Table(pad_edge=False, box=None, title=title)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number < words else "right")
    return table


def _cell_json(result: SweepResult, grid: SweepGrid) -> dict[str, Any]:
    summary = result.outcome.summary
    figures = {name: getattr(summary, name) for name in ("nav_start", "nav_end", "hodl_usd", "rebalances")}
    return {
        **_named(result.cell, grid),
        "window": result.cell.window.name,
        "nav_over_hodl": over_hodl(result),
        **figures,
    }


def _cell_line(result: SweepResult, grid: SweepGrid) -> str:
    cell, summary = result.cell, result.outcome.summary
    text = f"{over_hodl(result):.4f} {cell.pair} {cell.policy} {cell.window.name} {parameters_text(cell, grid.varied)}"
    if summary is None:
        return text
    parts = f"fees {summary.fees_usd:,.2f}, LVR {summary.lvr_usd:,.2f}, gas {summary.gas_usd:,.2f} USD"
    return f"{text}: NAV {summary.nav_end:,.2f}, HODL {summary.hodl_usd:,.2f}, {parts}, {summary.rebalances} moves"


def _step_json(step: ForwardStep, grid: SweepGrid) -> dict[str, Any]:
    return {
        **_named(step.chosen, grid),
        "chosen_on": step.chosen.window.name,
        "in_sample": step.chosen_over_hodl,
        "scored_on": step.scored.window.name,
        "out_of_sample": step.scored_over_hodl,
        "median": step.median_over_hodl,
        "best": step.best_over_hodl,
        "rank": step.rank,
        "choices": step.choices,
    }


def _named(cell: SweepCell, grid: SweepGrid) -> dict[str, Any]:
    return {"pair": cell.pair, "policy": cell.policy, "parameters": parameters_text(cell, grid.varied)}
