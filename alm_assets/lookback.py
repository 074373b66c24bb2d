"""Candles an epoch looks back on: what history has, and what has to be fetched to complete it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np

from alm_assets.ports import History
from alm_core.candles import fill_gaps
from alm_core.model.candles import CandleSeries
from alm_core.model.epochs import EPOCH_LENGTH, Epoch
from alm_core.model.inputs import LOOK_BACK, MinuteRange, missing_ranges, without_minutes
from alm_core.model.market import SourceProblem
from alm_core.model.ports import CandleFeed, CandleFetch

OLD_GAP = timedelta(hours=6)
"""A gap this far back is filled however long it is: the market has traded since, and waiting 30 days until it leaves
the look-back would stop the pair for as long. A longer gap than ``fill_gaps`` allows nearer to the epoch stays."""


RECENT_DISPUTE = EPOCH_LENGTH
"""Minutes without consensus this close to the epoch stay absent and stop it: nobody knows the price. An older one is
filled from the close before it, and marked: the exchanges have agreed again since."""


class CandleReading(Protocol):
    """Minutes that were read for something; ``fresh`` are those that history did not have."""

    @property
    def name(self) -> str: ...

    @property
    def start_at(self) -> datetime: ...

    @property
    def end_at(self) -> datetime: ...

    @property
    def series(self) -> CandleSeries: ...

    @property
    def fresh(self) -> CandleSeries: ...

    @property
    def sources(self) -> tuple[str, ...]: ...

    @property
    def problems(self) -> tuple[SourceProblem, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LookBack:
    """The minutes before an epoch. A :class:`CandleReading`."""

    epoch: Epoch
    series: CandleSeries
    fresh: CandleSeries
    sources: tuple[str, ...]
    problems: tuple[SourceProblem, ...]

    @property
    def name(self) -> str:
        """Id of the epoch."""
        return self.epoch.epoch_id

    @property
    def start_at(self) -> datetime:
        """Begin of the look-back."""
        return self.epoch.epoch_at - LOOK_BACK

    @property
    def end_at(self) -> datetime:
        """The epoch."""
        return self.epoch.epoch_at


def complete_look_back(epoch: Epoch, feed: CandleFeed, history: History) -> LookBack:
    """Return the closed minutes of the look-back: those stored, and what was missing fetched and filled.

    A stored minute is never fetched again, so that replaying an epoch sees the minutes it saw.

    Raises
    ------
    SourceUnavailable
        If minutes are missing and no exchange of the pair answers.
    """
    start_at, end_at = epoch.epoch_at - LOOK_BACK, epoch.epoch_at
    stored = history.read_candles(epoch.pair, start_at, end_at)
    fetches = [feed.fetch_candles(epoch.pair, *gap) for gap in missing_ranges(stored, start_at, end_at)]
    series = _completed(stored, fetches, start_at, end_at) if fetches else stored
    return LookBack(
        epoch=epoch,
        series=series,
        fresh=fresh_minutes(series, stored),
        sources=tuple(dict.fromkeys(source for fetch in fetches for source in fetch.sources)),
        problems=tuple(problem for fetch in fetches for problem in fetch.problems),
    )


def fresh_minutes(series: CandleSeries, stored: CandleSeries) -> CandleSeries:
    """Return the minutes of a series that are not stored."""
    return series.rows(np.flatnonzero(~np.isin(series.ts_ms, stored.ts_ms)))


def _completed(
    stored: CandleSeries, fetches: Sequence[CandleFetch], start_at: datetime, end_at: datetime
) -> CandleSeries:
    series = CandleSeries.joined([stored, *(fetch.series for fetch in fetches)])
    settled_at = end_at - OLD_GAP
    whole = int(LOOK_BACK.total_seconds()) // 60
    old = fill_gaps(series, start_at, settled_at, max_gap=whole)
    filled = CandleSeries.joined([old.series, fill_gaps(series, settled_at, end_at).series])
    return without_minutes(filled, _disputed(fetches, end_at - RECENT_DISPUTE))


def _disputed(fetches: Sequence[CandleFetch], since_at: datetime) -> tuple[MinuteRange, ...]:
    found = (
        (max(part.start_at, since_at), part.start_at + timedelta(minutes=part.minutes))
        for fetch in fetches
        for part in fetch.no_consensus
    )
    return tuple(MinuteRange(start_at=first, end_at=after) for first, after in found if first < after)
