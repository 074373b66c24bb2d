"""Holes of the recorded history, day by day."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np

from alm_core.model.candles import EXCHANGES, MINUTE_MS, CandleSeries, IntArray
from alm_core.model.epochs import EPOCH_LENGTH
from alm_core.model.inputs import MinuteRange, missing_ranges
from alm_resources.history.files import days_between
from alm_resources.history.store import CANDLES, HistoryStore, day_bounds

SNAPSHOTS = "pool_snapshots"
ENOUGH_EXCHANGES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCoverage:
    """What is stored of a day.

    Parameters
    ----------
    minutes, real, filled
        Minutes stored; of those, the ones that traded and the ones filled from the close before.
    missing
        Minutes not stored.
    thin
        Minutes that traded and are known to come from fewer than three exchanges.
    sources_unknown
        Minutes that traded and of which the exchanges are not known.
    epochs_missing
        Quarter hours without a snapshot, between the first and the last snapshot of the pair.
    """

    day: date
    minutes: int
    real: int
    filled: int
    missing: tuple[MinuteRange, ...]
    thin: int
    sources_unknown: int
    epochs_missing: tuple[datetime, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing and not self.epochs_missing


def coverage(
    history: HistoryStore, pair: str, first: date | None, last: date | None, now: datetime
) -> tuple[DayCoverage, ...]:
    """Return what is stored of each day from ``first`` to ``last``, both included.

    Parameters
    ----------
    history, pair
        Where to look.
    first, last
        ``None``: the first and the last stored minute; a day that history begins or ends in is then no hole.
    now
        Minutes that are not closed yet are not missing.

    Returns
    -------
    tuple of DayCoverage
        Empty where nothing is stored and no days were named.
    """
    candle_bounds = _stored_bounds(history, pair)
    snapshot_bounds = _snapshot_bounds(history, pair)
    start_at = day_bounds(first)[0] if first else candle_bounds[0]
    end_at = day_bounds(last)[1] if last else candle_bounds[1]
    if start_at is None or end_at is None:
        return ()
    closed_at = min(end_at, now.replace(second=0, microsecond=0))
    if closed_at <= start_at:
        return ()
    days = days_between(start_at.date(), (closed_at - timedelta(microseconds=1)).date())
    return tuple(_of_day(history, pair, day, (start_at, closed_at), snapshot_bounds) for day in days)


def _of_day(
    history: HistoryStore,
    pair: str,
    day: date,
    bounds: tuple[datetime, datetime],
    snapshot_bounds: tuple[datetime, datetime] | None,
) -> DayCoverage:
    start_at, end_at = max(day_bounds(day)[0], bounds[0]), min(day_bounds(day)[1], bounds[1])
    series = history.read_candles(pair, start_at, end_at)
    gaps = missing_ranges(series, start_at, end_at)
    known = _sources(series)
    real = ~series.filled
    return DayCoverage(
        day=day,
        minutes=len(series),
        real=int(real.sum()),
        filled=int(series.filled.sum()),
        missing=tuple(MinuteRange(start_at=since, end_at=until) for since, until in gaps),
        thin=int((real & (known > 0) & (known < ENOUGH_EXCHANGES)).sum()),
        sources_unknown=int((real & (known == 0)).sum()),
        epochs_missing=_epochs_missing(history, pair, day, snapshot_bounds),
    )


def _sources(series: CandleSeries) -> IntArray:
    """Return how many exchanges are in each minute, 0 where that is not known."""
    count = np.zeros(len(series), dtype=np.int64)
    if series.quality is not None:
        for bit in range(len(EXCHANGES)):
            count += series.quality.used >> bit & 1
    return count


def _epochs_missing(
    history: HistoryStore, pair: str, day: date, bounds: tuple[datetime, datetime] | None
) -> tuple[datetime, ...]:
    if bounds is None:
        return ()
    start_at, end_at = day_bounds(day)
    stored = set(history.read_epoch_times(SNAPSHOTS, pair, start_at, end_at))
    every = (start_at + number * EPOCH_LENGTH for number in range(96))
    return tuple(at for at in every if bounds[0] <= at <= bounds[1] and at not in stored)


def _stored_bounds(history: HistoryStore, pair: str) -> tuple[datetime | None, datetime | None]:
    days = history.stored_days(CANDLES, pair)
    if not days:
        return None, None
    first = history.read_candles(pair, *day_bounds(days[0]))
    last = history.read_candles(pair, *day_bounds(days[-1]))
    if not len(first) or not len(last):
        return day_bounds(days[0])[0], day_bounds(days[-1])[1]
    return _moment(int(first.ts_ms[0])), _moment(int(last.ts_ms[-1]) + MINUTE_MS)


def _snapshot_bounds(history: HistoryStore, pair: str) -> tuple[datetime, datetime] | None:
    days = history.stored_days(SNAPSHOTS, pair)
    if not days:
        return None
    first = history.read_epoch_times(SNAPSHOTS, pair, *day_bounds(days[0]))
    last = history.read_epoch_times(SNAPSHOTS, pair, *day_bounds(days[-1]))
    return (first[0], last[-1]) if first and last else None


def _moment(ts_ms: int) -> datetime:
    return datetime.fromtimestamp(ts_ms / 1000, tz=UTC)
