"""Results of a sweep as one Parquet: a row per finished cell, in the order of the grid."""

import json
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast, get_type_hints

import polars as pl

from alm_core.model.backtest import BacktestSummary, VenueConfig
from alm_core.model.config import StrategyConfig
from alm_core.model.signals import RangeParams
from alm_core.model.sweeps import SweepResult
from alm_core.sweeps.ranking import over_hodl
from alm_resources.history.frames import write_frame

SECONDS = "seconds"
"""The one column that differs when a cell is computed again: CPU time."""
_FIRST: dict[str, Any] = {
    "cell_id": pl.String,
    "status": pl.String,
    "reason": pl.String,
    "pair": pl.String,
    "policy": pl.String,
    "first_day": pl.Date,
    "last_day": pl.Date,
    "capital_usd": pl.Float64,
    "nav_over_hodl": pl.Float64,
}
_SECTIONS = {"venue": VenueConfig, "strategy": StrategyConfig, "range": RangeParams}
_OF_CELL = ("pair", "policy")


def results_frame(results: Sequence[SweepResult]) -> pl.DataFrame:
    """Return the rows. Columns are the same whatever is in them; what is not known is null.

    ``venue_ strategy_ range_`` and the name of the field are parameters (durations in seconds, ``_s``), then come the
    fields of :class:`alm_core.model.backtest.BacktestSummary`; ``decisions`` and ``problems`` are JSON.
    """
    rows = [_row(result) for result in results]
    kinds = _kinds()
    return pl.DataFrame({name: pl.Series(name, [row.get(name) for row in rows], kind) for name, kind in kinds.items()})


def write_results(path: Path, results: Sequence[SweepResult]) -> None:
    """Replace the Parquet of a sweep; a reader sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_frame(path, results_frame(results))


def _row(result: SweepResult) -> dict[str, object]:
    cell, outcome = result.cell, result.outcome
    row: dict[str, object] = {
        "cell_id": outcome.cell_id,
        "status": outcome.status,
        "reason": outcome.reason,
        "pair": cell.pair,
        "policy": cell.policy,
        "first_day": cell.window.first_at.date(),
        "last_day": (cell.window.end_at - timedelta(days=1)).date(),
        "capital_usd": cell.capital_usd,
        "nav_over_hodl": over_hodl(result),
    }
    for name, section in (("venue", cell.venue), ("strategy", cell.strategy), ("range", cell.range_params)):
        row |= {_column(name, key, kind): _plain(getattr(section, key, None)) for key, kind in _fields(name).items()}
    if outcome.summary is not None:
        row |= {name: _plain(getattr(outcome.summary, name)) for name in _summary_fields()}
    return row


def _kinds() -> dict[str, Any]:
    kinds = dict(_FIRST)
    for section in _SECTIONS:
        kinds |= {_column(section, key, kind): _dtype(kind) for key, kind in _fields(section).items()}
    hints = get_type_hints(BacktestSummary)
    return kinds | {name: _dtype(hints[name]) for name in _summary_fields()}


def _summary_fields() -> list[str]:
    return [field.name for field in fields(BacktestSummary) if field.name not in _OF_CELL]


def _fields(section: str) -> dict[str, object]:
    hints = get_type_hints(_SECTIONS[section])
    # Which policy decides is a column of its own; the field of this name is not looked at in a backtest.
    return {name: hint for name, hint in hints.items() if (section, name) != ("strategy", "policy")}


def _column(section: str, key: str, kind: object) -> str:
    return f"{section}_{key}_s" if kind is timedelta else f"{section}_{key}"


def _dtype(kind: object) -> Any:
    if kind is bool:
        return pl.Boolean()
    if kind is int:
        return pl.Int64()
    if kind is datetime:
        return pl.Datetime("us", "UTC")
    return pl.Float64() if kind is float or kind is timedelta or kind == float | None else pl.String()


def _plain(value: object) -> object:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, dict | tuple):
        return json.dumps(cast("object", value), sort_keys=True)
    return value
