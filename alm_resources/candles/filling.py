"""Filling gaps around minutes without consensus: those stay absent however few they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from alm_core.candles import Consensus, Gap, fill_gaps
from alm_core.model.candles import MINUTE_MS, BoolArray, CandleSeries, IntArray, NoConsensus

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FilledAgreement:
    """Minutes agreed on and short gaps filled; what is missing is a gap, or disputed, never both.

    ``stale_minutes`` is the age of the last real price at the end, where nothing longer than a short gap follows it.
    """

    series: CandleSeries
    gaps: tuple[Gap, ...]
    disputed: tuple[NoConsensus, ...]
    stale_minutes: int


def filled_agreement(agreed: Consensus, start_at: datetime, end_at: datetime, max_gap: int) -> FilledAgreement:
    """Fill gaps of up to ``max_gap`` minutes in ``[start_at, end_at)``; a minute that is disputed is no gap."""
    filled = fill_gaps(agreed.series, start_at, end_at, max_gap)
    disputed = _within(agreed.no_consensus, start_at, end_at)
    ranges = [(_ms(found.start_at), found.minutes) for found in disputed]
    series = filled.series.rows(np.flatnonzero(~_inside(filled.series.ts_ms, ranges)))
    wanted = np.arange(_ms(start_at), _ms(end_at), MINUTE_MS, dtype=np.int64)
    missing = ~np.isin(wanted, series.ts_ms, assume_unique=True) & ~_inside(wanted, ranges)
    return FilledAgreement(
        series=series, gaps=_gaps(wanted, missing), disputed=disputed, stale_minutes=filled.stale_minutes
    )


def _within(ranges: Sequence[NoConsensus], start_at: datetime, end_at: datetime) -> tuple[NoConsensus, ...]:
    parts: list[NoConsensus] = []
    for found in ranges:
        first, after = max(found.start_at, start_at), min(found.start_at + found.minutes * MINUTE, end_at)
        if first < after:
            parts.append(NoConsensus(start_at=first, minutes=(after - first) // MINUTE, reason=found.reason))
    return tuple(parts)


def _inside(ts_ms: IntArray, ranges: Sequence[tuple[int, int]]) -> BoolArray:
    """Whether each minute lies in one of the ranges; they follow each other in time."""
    starts = np.array([start for start, _ in ranges], dtype=np.int64)
    ends = np.array([start + minutes * MINUTE_MS for start, minutes in ranges] + [0], dtype=np.int64)
    # Before the first range the index is -1: the end that is 0 and holds nothing.
    return ts_ms < ends[np.searchsorted(starts, ts_ms, side="right") - 1]


def _gaps(wanted: IntArray, missing: BoolArray) -> tuple[Gap, ...]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], missing, [False]]).astype(np.int8))).reshape(-1, 2)
    return tuple(
        Gap(start_at=datetime.fromtimestamp(int(wanted[first]) / 1000, tz=UTC), minutes=int(after - first))
        for first, after in edges
    )


def _ms(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000
