from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.forces.aggregation import aggregate, bars_from_minutes, latest_bars
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


@settings(deadline=None)
@given(starts, lengths, periods, st.sets(st.integers(0, 899), max_size=40), st.sets(st.integers(0, 899), max_size=40))
def test_each_bar_tells_how_many_minutes_it_has_and_how_many_of_them_are_real(
    first: int, count: int, length: int, holes: set[int], marked: set[int]
) -> None:
    whole = part(first, count)
    whole = replace(whole, filled=np.isin(np.arange(count), sorted(marked)))
    series = whole.rows(np.flatnonzero(~np.isin(np.arange(count), sorted(holes))))
    bars = bars_from_minutes(series, length)
    assert bars.series.ts_ms.tolist() == sorted(
        {ts // (length * MINUTE_MS) * length * MINUTE_MS for ts in series.ts_ms.tolist()}
    )
    for row, opened in enumerate(bars.series.ts_ms.tolist()):
        inside = (series.ts_ms >= opened) & (series.ts_ms < opened + length * MINUTE_MS)
        assert bars.minutes[row] == inside.sum()
        assert bars.real[row] == (inside & ~series.filled).sum()
        assert bars.complete[row] == (inside.sum() == length)
        assert bars.series.filled[row] == (bars.real[row] == 0)


def test_cut_off_bars_and_bars_with_a_hole_inside_are_not_complete() -> None:
    series = walk(1).between(END_AT - timedelta(minutes=50), END_AT - timedelta(minutes=3))
    holed = series.rows(np.flatnonzero(np.arange(len(series)) != 25))
    bars = bars_from_minutes(holed, 15)
    assert bars.minutes.tolist() == [5, 15, 14, 12]
    assert bars.complete.tolist() == [False, True, False, False]
    assert bars.rows(slice(1, 3)).complete.tolist() == [True, False]
    assert len(bars) == 4
    # The bars that are used leave out the ends; the hole shows only here.
    assert aggregate(holed, 15).ts_ms.tolist() == bars.series.ts_ms[1:3].tolist()


def test_nothing_has_no_bars() -> None:
    bars = bars_from_minutes(CandleSeries.empty(), 240)
    assert (len(bars), bars.complete.tolist()) == (0, [])


@settings(deadline=None)
@given(starts, lengths, periods, st.integers(1, 70), st.sets(st.integers(0, 899), max_size=200))
def test_the_latest_bars_are_the_last_ones_of_all(
    first: int, count: int, minutes: int, most: int, holes: set[int]
) -> None:
    whole = part(first, count)
    series = whole.rows(np.array([row for row in range(count) if row not in holes], dtype=np.int64))
    bars = aggregate(series, minutes).rows(slice(-most, None))
    high, low, close = latest_bars(series.ts_ms, series.high, series.low, series.close, minutes, most)
    assert (high.tolist(), low.tolist(), close.tolist()) == (bars.high.tolist(), bars.low.tolist(), bars.close.tolist())
