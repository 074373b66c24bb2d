"""Aggregation and merging of candles as the reference does it: unsorted, duplicated and empty input is accepted."""

from collections.abc import Sequence

import numpy as np

from alm_core.model.candles import MINUTE_MS, FloatArray

Columns = tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]
"""ts (ms), open, high, low, close, volume; equal length, any order."""


def aggregate(columns: Columns, minutes: int) -> Columns:
    """Return bars of ``minutes`` minutes: open first seen, close last seen, incomplete buckets included."""
    length = minutes * MINUTE_MS
    buckets: dict[float, list[float]] = {}
    for row in zip(*(column.tolist() for column in columns), strict=True):
        ts, opened, high, low, close, volume = row
        key = ts // length * length
        bar = buckets.get(key)
        if bar is None:
            buckets[key] = [key, opened, high, low, close, volume]
        else:
            buckets[key] = [key, bar[1], max(bar[2], high), min(bar[3], low), close, bar[5] + volume]
    return _columns([buckets[key] for key in sorted(buckets)])


def merge_weighted(sources: Sequence[tuple[float, Columns]]) -> Columns:
    """Return one series of several: open and close weighted means, extremes over all, volumes summed, by minute."""
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
    return _columns(merged)


def _columns(rows: list[list[float]]) -> Columns:
    table = np.array(rows, dtype=np.float64).reshape(-1, 6)
    ts, opened, high, low, close, volume = (np.ascontiguousarray(table[:, column]) for column in range(6))
    return ts, opened, high, low, close, volume
