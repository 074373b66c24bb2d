"""Aggregation and merging of candles as the reference does it: unsorted, duplicated and empty input is accepted."""

from collections.abc import Sequence

import numpy as np

from alm_core.model.candles import MINUTE_MS, CandleSeries, FloatArray

Columns = tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]
"""ts (ms), open, high, low, close, volume; equal length, any order."""


def columns_of(series: CandleSeries) -> Columns:
    """Return the columns of a series."""
    return series.ts_ms.astype(np.float64), series.open, series.high, series.low, series.close, series.volume


def columns_from(rows: Sequence[Sequence[float]]) -> Columns:
    """Return columns from six sequences of numbers."""
    ts, opened, high, low, close, volume = (np.asarray(column, dtype=np.float64) for column in rows)
    return ts, opened, high, low, close, volume


def last_rows(columns: Columns, count: int) -> Columns:
    """Return the last rows of every column."""
    ts, opened, high, low, close, volume = columns
    return ts[-count:], opened[-count:], high[-count:], low[-count:], close[-count:], volume[-count:]


def aggregate(columns: Columns, minutes: int) -> Columns:
    """Return bars of ``minutes`` minutes: open first seen, close last seen, incomplete buckets included."""
    ts, opened, high, low, close, volume = columns
    if ts.shape[0] == 0:
        return columns
    length = float(minutes * MINUTE_MS)
    keys = np.floor(ts / length) * length
    # Stable, so that within a bucket "first seen" and "last seen" stay what they were.
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    starts = np.flatnonzero(np.diff(keys, prepend=np.nan))
    ends = np.append(starts[1:], keys.shape[0]) - 1
    return (
        keys[starts],
        opened[order[starts]],
        np.maximum.reduceat(high[order], starts),
        np.minimum.reduceat(low[order], starts),
        close[order[ends]],
        np.add.reduceat(volume[order], starts),
    )


def merge_weighted(sources: Sequence[tuple[float, Columns]]) -> Columns:
    """Return one series of several: open and close weighted means, extremes over all, volumes summed, by minute.

    A minute whose weights add up to nothing is dropped.
    """
    minutes: dict[float, list[float]] = {}
    for weight, columns in sources:
        for row in zip(*(column.tolist() for column in columns), strict=True):
            ts, opened, high, low, close, volume = row
            key = ts // MINUTE_MS * MINUTE_MS
            at = minutes.setdefault(key, [0.0, 0.0, -np.inf, np.inf, 0.0, 0.0])
            at[0] += weight
            at[1] += opened * weight
            at[2] = max(at[2], high)
            at[3] = min(at[3], low)
            at[4] += close * weight
            at[5] += volume
    merged = [
        [key, at[1] / at[0], at[2], at[3], at[4] / at[0], at[5]] for key, at in sorted(minutes.items()) if at[0] > 0
    ]
    table = np.array(merged, dtype=np.float64).reshape(-1, 6)
    return columns_from([table[:, column].tolist() for column in range(6)])
