"""Minute candles as Parquet columns: ``ts_ms open high low close volume filled``."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import polars as pl

from alm_core.model.candles import CandleSeries

COLUMNS = ("ts_ms", "open", "high", "low", "close", "volume", "filled")
DAY_MS = 86_400_000


def frames_by_day(series: CandleSeries) -> Iterator[tuple[date, pl.DataFrame]]:
    """Split candles by UTC day."""
    days = series.ts_ms // DAY_MS
    for day in np.unique(days):
        left, right = np.searchsorted(days, [day, day + 1])
        part = series.rows(slice(int(left), int(right)))
        opened = datetime.fromtimestamp(int(day) * 86_400, tz=UTC).date()
        yield opened, pl.DataFrame({name: getattr(part, name) for name in COLUMNS})


def merge(stored: pl.DataFrame | None, fresh: pl.DataFrame) -> pl.DataFrame:
    """Return stored and fresh rows by time; a fresh row replaces the stored one of its minute."""
    both = fresh if stored is None else pl.concat([stored.select(fresh.columns), fresh])
    return both.unique("ts_ms", keep="last", maintain_order=True).sort("ts_ms")


def series_of(frames: Sequence[pl.DataFrame]) -> CandleSeries:
    """Join the frames of consecutive days."""
    if not frames:
        return CandleSeries.empty()
    joined = pl.concat([frame.select(COLUMNS) for frame in frames])
    columns: dict[str, Any] = {name: joined[name].to_numpy() for name in COLUMNS}
    return CandleSeries(**columns)
