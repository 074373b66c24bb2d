"""Candles an epoch looks back on: what history has, and what has to be fetched to complete it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from alm_assets.io import LOOK_BACK
from alm_assets.ports import History
from alm_core.candles import fill_gaps
from alm_core.model.candles import MINUTE_MS, CandleSeries
from alm_core.model.epochs import Epoch
from alm_core.model.market import SourceProblem
from alm_core.model.ports import CandleFeed

OLD_GAP = timedelta(hours=6)
"""A gap this far back is filled however long it is: the market has traded since, and waiting 30 days until it leaves
the look-back would stop the pair for as long. A longer gap than ``fill_gaps`` allows nearer to the epoch stays."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LookBack:
    """The minutes before an epoch; ``fresh`` are those that history did not have."""

    epoch: Epoch
    series: CandleSeries
    fresh: CandleSeries
    sources: tuple[str, ...]
    problems: tuple[SourceProblem, ...]


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
    series = (
        _filled(CandleSeries.joined([stored, *(fetch.series for fetch in fetches)]), start_at, end_at)
        if fetches
        else stored
    )
    return LookBack(
        epoch=epoch,
        series=series,
        fresh=_without(series, stored),
        sources=tuple(dict.fromkeys(source for fetch in fetches for source in fetch.sources)),
        problems=tuple(problem for fetch in fetches for problem in fetch.problems),
    )


def missing_ranges(series: CandleSeries, start_at: datetime, end_at: datetime) -> list[tuple[datetime, datetime]]:
    """Return the ranges ``[from, to)`` of minutes in ``[start_at, end_at)`` that a series lacks, oldest first."""
    start_ms, end_ms = _ms(start_at), _ms(end_at)
    edges = np.concatenate(([start_ms - MINUTE_MS], series.ts_ms, [end_ms]))
    holes = np.flatnonzero(np.diff(edges) > MINUTE_MS)
    return [(_moment(edges[hole] + MINUTE_MS), _moment(edges[hole + 1])) for hole in holes]


def _filled(series: CandleSeries, start_at: datetime, end_at: datetime) -> CandleSeries:
    settled_at = end_at - OLD_GAP
    whole = int(LOOK_BACK.total_seconds()) // 60
    old = fill_gaps(series, start_at, settled_at, max_gap=whole)
    return CandleSeries.joined([old.series, fill_gaps(series, settled_at, end_at).series])


def _without(series: CandleSeries, stored: CandleSeries) -> CandleSeries:
    return series.rows(np.flatnonzero(~np.isin(series.ts_ms, stored.ts_ms)))


def _ms(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000


def _moment(ts_ms: int) -> datetime:
    return datetime.fromtimestamp(int(ts_ms) / 1000, tz=UTC)
