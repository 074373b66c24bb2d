from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.forces.aggregation import aggregate
from alm_core.model.candles import MINUTE_MS, CandleSeries
from alm_tests.core.forces.tapes import END_AT, walk

starts = st.integers(0, 600)
lengths = st.integers(1, 900)
periods = st.sampled_from([5, 15, 60, 240])


def part(first: int, count: int) -> CandleSeries:
    return walk(2).rows(slice(first, first + count))


@settings(deadline=None)
@given(starts, lengths, periods)
def test_all_buckets_together_hold_every_minute_once(first: int, count: int, minutes: int) -> None:
    series = part(first, count)
    bars = aggregate(series, minutes, keep_incomplete=True)
    assert np.isclose(bars.volume.sum(), series.volume.sum())
    assert bars.high.max() == series.high.max()
    assert bars.low.min() == series.low.min()
    assert bars.open[0] == series.open[0]
    assert bars.close[-1] == series.close[-1]


@settings(deadline=None)
@given(starts, lengths, periods)
def test_bars_open_at_multiples_of_the_period_and_only_whole_ones_are_kept(
    first: int, count: int, minutes: int
) -> None:
    series = part(first, count)
    bars = aggregate(series, minutes)
    assert (bars.ts_ms % (minutes * MINUTE_MS) == 0).all()
    for row in range(len(bars)):
        inside = (series.ts_ms >= bars.ts_ms[row]) & (series.ts_ms < bars.ts_ms[row] + minutes * MINUTE_MS)
        assert inside.sum() == minutes
        assert bars.high[row] == series.high[inside].max()
        assert bars.low[row] == series.low[inside].min()
        assert bars.open[row] == series.open[inside][0]
        assert bars.close[row] == series.close[inside][-1]


def test_an_incomplete_last_bar_is_left_out_unless_asked_for() -> None:
    series = walk(1).between(END_AT - timedelta(minutes=40), END_AT - timedelta(minutes=3))
    assert [len(aggregate(series, 15, keep_incomplete=keep)) for keep in (False, True)] == [1, 3]


def test_a_bar_is_filled_only_where_all_its_minutes_are() -> None:
    series = walk(1).between(END_AT - timedelta(minutes=30), END_AT)
    filled = series.filled.copy()
    filled[:15] = True
    filled[20] = True
    marked = CandleSeries(
        ts_ms=series.ts_ms,
        open=series.open,
        high=series.high,
        low=series.low,
        close=series.close,
        volume=series.volume,
        filled=filled,
    )
    assert aggregate(marked, 15).filled.tolist() == [True, False]


def test_nothing_aggregates_to_nothing() -> None:
    assert len(aggregate(CandleSeries.empty(), 60)) == 0
    assert len(aggregate(walk(1).between(datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC)), 15)) == 0
