from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alm_core.candles import Gap, fill_gaps
from alm_core.model.candles import MINUTE_MS, CandleSeries, MinuteQuality
from alm_core.model.errors import InvalidInput

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
START_MS = int(EPOCH.timestamp()) * 1000


def at(minute: int) -> datetime:
    return EPOCH + timedelta(minutes=minute)


def candles(minutes: list[int]) -> CandleSeries:
    close = np.array([100.0 + minute for minute in minutes])
    return CandleSeries(
        ts_ms=START_MS + np.array(minutes, dtype=np.int64) * MINUTE_MS,
        open=close - 0.5,
        high=close + 1,
        low=close - 1,
        close=close,
        volume=np.ones(len(minutes)),
        filled=np.zeros(len(minutes), dtype=np.bool_),
    )


def minutes_of(series: CandleSeries) -> list[int]:
    return ((series.ts_ms - START_MS) // MINUTE_MS).tolist()


def test_a_short_gap_takes_the_close_before_it_and_no_volume() -> None:
    filled = fill_gaps(candles([0, 1, 4]), at(0), at(5))
    series = filled.series
    assert minutes_of(series) == [0, 1, 2, 3, 4]
    assert series.filled.tolist() == [False, False, True, True, False]
    assert series.open[2:4].tolist() == series.high[2:4].tolist() == series.low[2:4].tolist() == [101.0, 101.0]
    assert series.volume.tolist() == [1, 1, 0, 0, 1]
    assert filled.gaps == ()


def test_a_gap_longer_than_the_maximum_is_left_whole_and_reported() -> None:
    filled = fill_gaps(candles([0, 4, 5]), at(0), at(6), max_gap=2)
    assert minutes_of(filled.series) == [0, 4, 5]
    assert filled.gaps == (Gap(start_at=at(1), minutes=3),)


def test_a_gap_at_the_start_is_filled_only_from_an_earlier_close() -> None:
    assert fill_gaps(candles([2, 3]), at(0), at(4)).gaps == (Gap(start_at=at(0), minutes=2),)
    filled = fill_gaps(candles([-1, 2, 3]), at(0), at(4))
    assert filled.gaps == ()
    assert filled.series.close[:2].tolist() == [99.0, 99.0]


def test_minutes_at_the_end_count_as_stale() -> None:
    filled = fill_gaps(candles([0, 1]), at(0), at(10))
    assert filled.stale_minutes == 8
    assert fill_gaps(candles([0, 1]), at(0), at(2)).stale_minutes == 0


def test_candles_at_or_after_the_end_never_enter() -> None:
    assert minutes_of(fill_gaps(candles([0, 1, 2]), at(0), at(2)).series) == [0, 1]


def test_nothing_at_all_is_one_gap() -> None:
    filled = fill_gaps(CandleSeries.empty(), at(0), at(15))
    assert len(filled.series) == 0
    assert filled.gaps == (Gap(start_at=at(0), minutes=15),)


def test_bounds_off_the_minute_or_without_zone_are_refused() -> None:
    with pytest.raises(InvalidInput, match="whole minute"):
        fill_gaps(candles([0]), at(0) + timedelta(seconds=1), at(2))
    with pytest.raises(InvalidInput, match="aware"):
        fill_gaps(candles([0]), at(0).replace(tzinfo=None), at(2))


@given(minutes=st.sets(st.integers(-30, 60)), max_gap=st.integers(0, 20))
def test_every_wanted_minute_is_real_filled_or_in_a_reported_gap(minutes: set[int], max_gap: int) -> None:
    filled = fill_gaps(candles(sorted(minutes)), at(0), at(45), max_gap=max_gap)
    have = minutes_of(filled.series)
    missing = [
        int((gap.start_at - EPOCH) / timedelta(minutes=1)) + n for gap in filled.gaps for n in range(gap.minutes)
    ]
    assert sorted(have + missing) == list(range(45))
    assert [m for m, f in zip(have, filled.series.filled, strict=True) if not f] == sorted(minutes & set(range(45)))
    for minute, is_filled, close in zip(have, filled.series.filled, filled.series.close, strict=True):
        before = max(m for m in minutes if m <= minute)
        assert close == 100.0 + before
        assert not is_filled or minute - before <= max_gap


@given(minutes=st.sets(st.integers(0, 40), min_size=1))
def test_filling_twice_changes_nothing(minutes: set[int]) -> None:
    once = fill_gaps(candles(sorted(minutes)), at(0), at(41))
    again = fill_gaps(once.series, at(0), at(41))
    assert minutes_of(again.series) == minutes_of(once.series)
    assert again.series.filled.tolist() == once.series.filled.tolist()
    assert again.series.close.tolist() == once.series.close.tolist()


def with_quality(series: CandleSeries) -> CandleSeries:
    count = len(series)
    quality = MinuteQuality(used=np.arange(1, count + 1), vetoed=np.full(count, 32), spread_bps=np.full(count, 0.5))
    return replace(series, quality=quality)


def test_real_minutes_keep_their_quality_and_filled_ones_have_none() -> None:
    quality = fill_gaps(with_quality(candles([-1, 0, 3])), at(0), at(5)).series.quality
    assert quality is not None
    assert quality.used.tolist() == [2, 0, 0, 3, 0]
    assert quality.vetoed.tolist() == [32, 0, 0, 32, 0]
    assert np.isnan(quality.spread_bps).tolist() == [False, True, True, False, True]


def test_unknown_quality_stays_unknown() -> None:
    assert fill_gaps(candles([0, 3]), at(0), at(5)).series.quality is None


def test_a_minute_that_came_filled_stays_marked_and_keeps_its_quality() -> None:
    came = replace(with_quality(candles([0, 1, 3])), filled=np.array([False, True, False]))
    series = fill_gaps(came, at(0), at(4)).series
    assert series.filled.tolist() == [False, True, True, False]
    assert series.quality is not None
    assert series.quality.used.tolist() == [1, 2, 0, 3]
