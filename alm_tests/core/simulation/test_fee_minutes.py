"""Parts of fees and time by place, estimated from minutes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alm_core.math.orientation import price_at_tick
from alm_core.math.tick import Q96, Q128
from alm_core.model.candles import CandleSeries
from alm_core.model.errors import InvalidInput
from alm_core.model.market import Position
from alm_core.simulation.fee_minutes import place_weights
from alm_core.simulation.fee_steps import FeeSteps, active_at_places, shared_fees
from alm_tests.core.backtest.venue_market import NATIVE_USDC, OTHER, Market, later, minutes_between

MARKET = Market()


def series(spans: list[tuple[float, float]]) -> CandleSeries:
    low, high = (np.array(side) for side in zip(*spans, strict=True))
    count = len(spans)
    return CandleSeries(
        ts_ms=60_000 * np.arange(count, dtype=np.int64),
        open=low,
        high=high,
        low=low,
        close=high,
        volume=np.zeros(count),
        filled=np.zeros(count, dtype=np.bool_),
    )


def position(tick_lower: int, tick_upper: int, liquidity: int) -> Position:
    return Position(
        pool_id="p",
        token_id=1,
        tick_lower=tick_lower,
        tick_upper=tick_upper,
        liquidity=liquidity,
        amount0=0,
        amount1=0,
        fees0=0,
        fees1=0,
    )


@pytest.mark.parametrize("of", [NATIVE_USDC, OTHER])
def test_an_even_way_through_a_tick_is_divided_there(of: object) -> None:
    pool = NATIVE_USDC if of is NATIVE_USDC else OTHER
    state = MARKET.state(pool)
    ends = [price_at_tick(pool, state.tick + offset) for offset in (0, 400)]
    now = later(replace(MARKET, price=ends[0]), ends[1])
    minutes = minutes_between(replace(MARKET, price=ends[0]), now)
    found = place_weights(state, now.state(pool), minutes, (state.tick + 100, state.tick + 300))
    assert found.fees == pytest.approx([0.25, 0.5, 0.25], abs=1e-9)
    assert found.time == pytest.approx([0.25, 0.5, 0.25], abs=1e-9)


def test_a_lively_minute_counts_for_more_of_the_fees_and_not_of_the_time() -> None:
    state = MARKET.state(NATIVE_USDC)
    low, edge, high = (price_at_tick(NATIVE_USDC, state.tick + offset) for offset in (0, 100, 1000))
    still, lively = sorted((low, price_at_tick(NATIVE_USDC, state.tick + 10))), sorted((edge, high))
    minutes = series([(still[0], still[1]), (lively[0], lively[1])])
    found = place_weights(state, state, minutes, (state.tick + 100,))
    assert found.fees == pytest.approx([10 / 910, 900 / 910], rel=1e-6)
    assert found.time == pytest.approx([0.5, 0.5])


def test_minutes_without_a_move_count_alike() -> None:
    state = MARKET.state(NATIVE_USDC)
    low, high = (price_at_tick(NATIVE_USDC, state.tick + offset) for offset in (-50, 50))
    found = place_weights(state, state, series([(low, low), (high, high), (high, high)]), (state.tick,))
    assert found.fees == found.time == pytest.approx([1 / 3, 2 / 3])


def test_without_minutes_both_readings_tell_half() -> None:
    first, last = MARKET.state(NATIVE_USDC), replace(MARKET, price=2100.0).state(NATIVE_USDC)
    low, high = sorted((first.tick, last.tick))
    found = place_weights(first, last, CandleSeries.empty(), (low + 1, high))
    assert found.fees == [0.5, 0.0, 0.5]


@given(
    offsets=st.lists(st.tuples(st.floats(0.97, 1.03), st.floats(1.0, 1.02)), min_size=1, max_size=20),
    edges=st.sets(st.integers(-500, 500), max_size=6),
)
def test_parts_are_of_one_whole(offsets: list[tuple[float, float]], edges: set[int]) -> None:
    state = MARKET.state(NATIVE_USDC)
    minutes = series([(2000.0 * start, 2000.0 * start * width) for start, width in offsets])
    found = place_weights(state, state, minutes, tuple(sorted(state.tick + edge for edge in edges)))
    for parts in (found.fees, found.time):
        assert len(parts) == len(edges) + 1
        assert min(parts) >= -1e-12
        assert sum(parts) == pytest.approx(1.0)


def test_active_liquidity_is_counted_from_the_lower_tick_to_below_the_upper() -> None:
    positions = [position(0, 100, 5), position(50, 200, 7)]
    assert active_at_places((0, 50, 100, 200), positions) == [0, 5, 12, 7, 0]


def test_a_share_of_one_leaves_the_amount_to_the_unit() -> None:
    """Nothing is lost to floats where one position earns all there is."""
    own = position(-10, 10, 3 * Q96 + 1)
    steps = FeeSteps(edges=(-10, 10))
    for weight in (0.1, 0.7, 123.4):
        steps.add(1, weight, weight, own.liquidity)
    growth = 12_345_678_901_234_567_890 * Q128 // own.liquidity
    shared = shared_fees(steps, (growth, growth), [own], [own])
    assert shared.fees == ((growth * own.liquidity // Q128,) * 2,)
    assert (shared.growth0_x128, shared.growth1_x128) == (growth, growth)


def test_growth_without_a_swap_is_spread_over_the_way() -> None:
    """Somebody gave token1 to the pool."""
    own = position(0, 10, 100)
    steps = FeeSteps(edges=(0, 10))
    steps.add(0, 1.0, 0.0, 100)
    steps.add(1, 1.0, 0.0, 100)
    shared = shared_fees(steps, (0, Q128), [own], [own])
    assert shared.fees == ((0, 50),)


def test_positions_at_other_ticks_than_the_edges_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"no edges of fee steps at ticks \[7\]"):
        shared_fees(FeeSteps(edges=(0,)), (0, 0), [], [position(0, 7, 1)])
