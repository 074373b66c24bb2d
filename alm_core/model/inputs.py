"""What an epoch was decided from: digests and extents of its inputs, with settings and versions in full.

Candles are shared by epochs and grow by backfills, settings change, reports of executions come late. The record is what
makes a later computation of the same epoch see what the first one saw, or say what is not there any more.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alm_core.model.candles import MINUTE_MS, CandleSeries, MinuteQuality
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.past import RecentEpoch

LOOK_BACK = timedelta(days=30)
"""Candles before an epoch that its forces and its range are computed from."""

DAY_MS = 86_400_000
_COLUMNS = (
    ("ts_ms", "<i8"),
    ("open", "<f8"),
    ("high", "<f8"),
    ("low", "<f8"),
    ("close", "<f8"),
    ("volume", "<f8"),
    ("filled", "u1"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MinuteRange:
    """Minutes that open in ``[start_at, end_at)``."""

    start_at: datetime
    end_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DayDigest:
    """Minutes of one UTC day (``YYYY-MM-DD``) and the SHA-256 of their columns."""

    day: str
    minutes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleInputs:
    """Candles that were read.

    Parameters
    ----------
    start_at, end_at
        Bounds of the look-back, ``[start_at, end_at)``.
    minutes
        How many minutes there were.
    sha256
        Over the digests of the days, in order.
    gaps
        Minutes inside the bounds that were absent; later ones of them are not looked at.
    days
        Digest of each day's part, so that a difference can be told by its day.
    """

    start_at: datetime
    end_at: datetime
    minutes: int
    sha256: str
    gaps: tuple[MinuteRange, ...]
    days: tuple[DayDigest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochDigest:
    """SHA-256 of the stored value of an asset at an epoch."""

    epoch_at: datetime
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochInputs:
    """Everything that forces, range and plan of an epoch are computed from.

    Parameters
    ----------
    candles, snapshot_sha256
        What was read of the market.
    past_snapshots
        Snapshots that yields are measured over, oldest first.
    previous_range
        Range whose parameters were in force; ``None`` where there was none.
    last_rebalance_at
        Epoch that last moved capital, as far back as ``strategy.min_hold``.
    strategy, limits
        Settings of that time in full.
    recent
        Figures of the epochs of the last 24 h, oldest first.
    code_version, config_version
        Versions that the plan carries.
    """

    pair: str
    epoch_at: datetime
    candles: CandleInputs
    snapshot_sha256: str
    past_snapshots: tuple[EpochDigest, ...]
    previous_range: EpochDigest | None
    last_rebalance_at: datetime | None
    strategy: StrategyConfig
    limits: LimitsConfig
    code_version: str
    config_version: str
    recent: tuple[RecentEpoch, ...] = ()


def missing_ranges(series: CandleSeries, start_at: datetime, end_at: datetime) -> list[tuple[datetime, datetime]]:
    """Return the ranges ``[from, to)`` of minutes in ``[start_at, end_at)`` that a series lacks, oldest first."""
    start_ms, end_ms = _ms(start_at), _ms(end_at)
    edges = np.concatenate(([start_ms - MINUTE_MS], series.ts_ms, [end_ms]))
    holes = np.flatnonzero(np.diff(edges) > MINUTE_MS)
    return [(_moment(edges[hole] + MINUTE_MS), _moment(edges[hole + 1])) for hole in holes]


def candle_inputs(series: CandleSeries, start_at: datetime, end_at: datetime) -> CandleInputs:
    """Return extent and digests of candles that were read for ``[start_at, end_at)``.

    Columns are hashed as little-endian bytes, quality included; minutes of unknown quality hash alike whether the
    series carries a quality or not.
    """
    days = tuple(_day_digests(series))
    gaps = missing_ranges(series, start_at, end_at)
    return CandleInputs(
        start_at=start_at,
        end_at=end_at,
        minutes=len(series),
        sha256=hashlib.sha256("\n".join(f"{d.day} {d.minutes} {d.sha256}" for d in days).encode()).hexdigest(),
        gaps=tuple(MinuteRange(start_at=first, end_at=after) for first, after in gaps),
        days=days,
    )


def without_minutes(series: CandleSeries, absent: tuple[MinuteRange, ...]) -> CandleSeries:
    """Return a series without the minutes of some ranges."""
    if not absent:
        return series
    keep = np.ones(len(series), dtype=np.bool_)
    for gap in absent:
        left, right = np.searchsorted(series.ts_ms, [_ms(gap.start_at), _ms(gap.end_at)])
        keep[int(left) : int(right)] = False
    return series if bool(keep.all()) else series.rows(np.flatnonzero(keep))


def candle_difference(recorded: CandleInputs, found: CandleInputs) -> str:
    """Return the first thing in which candles differ from the record, in words; empty where they do not."""
    if found.sha256 == recorded.sha256:
        return ""
    known = {(gap.start_at, gap.end_at) for gap in recorded.gaps}
    lost = [gap for gap in found.gaps if (gap.start_at, gap.end_at) not in known]
    if lost:
        return (
            f"the minutes from {lost[0].start_at.isoformat()} to {lost[0].end_at.isoformat()} are not stored any more"
        )
    now = {digest.day: digest for digest in found.days}
    for then in recorded.days:
        if now.get(then.day) != then:
            stored = now[then.day].sha256 if then.day in now else "nothing"
            return f"the {then.minutes} minutes of {then.day} have sha256 {stored}, recorded is {then.sha256}"
    return f"{found.minutes} minutes are stored, recorded are {recorded.minutes}"


def _day_digests(series: CandleSeries) -> Iterator[DayDigest]:
    columns = _hashed_columns(series)
    of_day = series.ts_ms // DAY_MS
    edges = [0, *(np.flatnonzero(np.diff(of_day)) + 1).tolist(), len(series)]
    for first, after in pairwise(edges):
        if after > first:
            day = _moment(int(of_day[first]) * DAY_MS).date().isoformat()
            digest = hashlib.sha256()
            for column in columns:
                digest.update(column[first:after].tobytes())
            yield DayDigest(day=day, minutes=after - first, sha256=digest.hexdigest())


def _hashed_columns(series: CandleSeries) -> list[NDArray[Any]]:
    quality = series.quality or MinuteQuality.unknown(len(series))
    # NaN has many bit patterns; one of them is hashed.
    spread = np.where(np.isnan(quality.spread_bps), np.nan, quality.spread_bps)
    plain: list[NDArray[Any]] = [np.asarray(getattr(series, name), dtype=kind) for name, kind in _COLUMNS]
    masks = (np.asarray(mask, dtype="<i8") for mask in (quality.used, quality.vetoed))
    return [*plain, *masks, np.asarray(spread, dtype="<f8")]


def _ms(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000


def _moment(ts_ms: int) -> datetime:
    return datetime.fromtimestamp(int(ts_ms) / 1000, tz=UTC)
