"""Completing a look-back: what is filled, and what nobody may make up."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import pytest

from alm_assets.checks import minutes_complete
from alm_assets.lookback import complete_look_back
from alm_core.model.candles import CandleSeries, NoConsensus
from alm_core.model.epochs import Epoch
from alm_core.model.market import SourceProblem
from alm_core.model.ports import CandleFetch
from alm_tests.assets.world import EPOCH, EPOCH_AT, PAIR, QUARTER, MemoryWorld, minutes

MINUTE = timedelta(minutes=1)


@dataclass
class DisputedFeed:
    """Exchanges that never agree on some minutes."""

    start_at: datetime
    count: int
    asked: list[tuple[datetime, datetime]] = field(default_factory=list)

    def fetch_candles(self, pair_id: str, start_at: datetime, end_at: datetime) -> CandleFetch:
        self.asked.append((start_at, end_at))
        series = minutes(start_at, end_at)
        opened = [int((self.start_at + number * MINUTE).timestamp()) * 1000 for number in range(self.count)]
        agreed = series.rows(np.flatnonzero(~np.isin(series.ts_ms, opened)))
        found = NoConsensus(start_at=self.start_at, minutes=self.count, reason="2 of 4 exchanges agree")
        inside = (found,) if len(agreed) < len(series) else ()
        problems = tuple(SourceProblem(source=f"candles of {pair_id}", detail=one.reason) for one in inside)
        return CandleFetch(series=agreed, sources=("a", "b"), problems=problems, no_consensus=inside)


def test_minutes_disputed_right_before_the_epoch_stop_it_and_are_not_stored(world: MemoryWorld) -> None:
    feed = DisputedFeed(EPOCH_AT - 3 * MINUTE, 2)
    found = complete_look_back(EPOCH, feed, world.history)
    check = minutes_complete(found)
    assert not check.passed
    assert "2025-11-20T10:27:00+00:00 to 2025-11-20T10:29:00+00:00" in str(check.description)
    assert len(found.fresh) == 30 * 1_440 - 2
    assert found.problems[0].detail == "2 of 4 exchanges agree"


def test_an_epoch_later_they_are_filled_from_the_close_before_and_marked(world: MemoryWorld) -> None:
    feed = DisputedFeed(EPOCH_AT - 3 * MINUTE, 2)
    world.history.write_candles(PAIR, complete_look_back(EPOCH, feed, world.history).fresh)
    later = Epoch(pair=PAIR, epoch_at=EPOCH_AT + QUARTER)
    found = complete_look_back(later, feed, world.history)
    assert feed.asked[1] == (EPOCH_AT - 3 * MINUTE, EPOCH_AT - MINUTE)
    assert minutes_complete(found).passed
    disputed = found.series.between(EPOCH_AT - 3 * MINUTE, EPOCH_AT - MINUTE)
    before = found.series.between(EPOCH_AT - 4 * MINUTE, EPOCH_AT - 3 * MINUTE)
    assert disputed.filled.all()
    assert (disputed.close == before.close[0]).all()


@pytest.mark.parametrize(("first", "kept"), [(16, 2), (15, 0), (1, 0)])
def test_only_the_part_within_the_last_quarter_hour_stays_open(world: MemoryWorld, first: int, kept: int) -> None:
    feed = DisputedFeed(EPOCH_AT - (first + 1) * MINUTE, 2)
    found = complete_look_back(EPOCH, feed, world.history)
    filled = found.series.filled
    assert int(filled.sum()) == (2 if first == 16 else 1 if first == 15 else 0)
    assert len(found.series) == 30 * 1_440 - 2 + int(filled.sum())
    assert minutes_complete(found).passed is bool(kept)


def test_a_complete_look_back_asks_nobody(world: MemoryWorld) -> None:
    world.history.write_candles(PAIR, minutes(EPOCH_AT - timedelta(days=30), EPOCH_AT))
    found = complete_look_back(EPOCH, world.feed, world.history)
    assert world.feed.asked == []
    assert found.fresh.ts_ms.shape == CandleSeries.empty().ts_ms.shape
    assert (found.name, found.end_at - found.start_at) == (EPOCH.epoch_id, timedelta(days=30))
