"""The compiled ticks are those of the live plan, in both token orders."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alm_core.math.orientation import price_at_tick, range_bounds_at_ticks, ticks_for_range
from alm_core.model.errors import InvalidInput
from alm_core.model.pools import Pool
from alm_core.simulation.minute_ticks import (
    bounds_at,
    centred_ticks,
    enclosing_ticks,
    grid_of,
    prices_at_ticks,
    tick_position,
    ticks_at_prices,
    usable,
)
from alm_tests.core.math.strategies import make_pool, pools
from alm_tests.core.portfolio.scene import bare_range

AMBIGUOUS = 1e-8
"""Ticks. Floats cannot tell on which side of a usable tick a price lies that is closer than this."""


@settings(max_examples=600)
@given(pools(), st.floats(1e-6, 1e6), st.floats(1e-6, 3))
def test_enclosing_ticks_are_those_of_the_live_plan(pool: Pool, lower: float, ratio: float) -> None:
    upper = lower * (1.0 + ratio)
    grid = grid_of(pool)
    for price in (lower, upper):
        place = tick_position(price, grid) / pool.tick_spacing
        assume(abs(place - round(place)) * pool.tick_spacing > AMBIGUOUS)
    assert enclosing_ticks(lower, upper, grid) == ticks_for_range(pool, bare_range(lower, upper, lower))


@settings(max_examples=300)
@given(pools(), st.integers(-300_000, 300_000), st.floats(1e-4, 0.45), st.integers(1, 2000))
def test_bounds_near_a_usable_tick_round_as_the_live_plan(pool: Pool, tick: int, off: float, spacings: int) -> None:
    usable_tick = tick // pool.tick_spacing * pool.tick_spacing
    grid = grid_of(pool)
    first = price_at_tick(pool, usable_tick) * 1.0001 ** (off if pool.base_is_token0 else -off)
    second = price_at_tick(pool, usable_tick + spacings * pool.tick_spacing) * 1.0001 ** (
        -off if pool.base_is_token0 else off
    )
    lower, upper = min(first, second), max(first, second)
    found = enclosing_ticks(lower, upper, grid)
    assert found == ticks_for_range(pool, bare_range(lower, upper, lower))
    assert found == (usable_tick, usable_tick + spacings * pool.tick_spacing)


@given(pools(), st.floats(1e-6, 1e6))
def test_a_range_without_width_gets_one_spacing(pool: Pool, price: float) -> None:
    lower, upper = enclosing_ticks(price, price, grid_of(pool))
    assert upper - lower == pool.tick_spacing


@given(pools(), st.integers(-300_000, 300_000), st.integers(1, 5000))
def test_bounds_at_ticks_are_those_of_the_live_plan(pool: Pool, tick: int, width: int) -> None:
    found = bounds_at(tick, tick + width, grid_of(pool))
    assert found == pytest.approx(range_bounds_at_ticks(pool, tick, tick + width), rel=1e-14)


@given(st.integers(-800_000, 800_000), st.integers(1, 50_000), st.sampled_from([1, 10, 60, 200]))
def test_centred_ticks_are_the_nearest_usable_ones(tick: int, half_width: int, spacing: int) -> None:
    lower, upper = centred_ticks(tick, half_width, spacing)
    assert lower == round((tick - half_width) / spacing) * spacing
    assert upper == round((tick + half_width) / spacing) * spacing


def test_a_half_width_beyond_all_ticks_is_the_full_range() -> None:
    assert centred_ticks(200_000, 2_000_000, 60) == usable(60) == (-887_220, 887_220)


@given(pools(), st.lists(st.integers(-300_000, 300_000), min_size=1, max_size=5))
def test_the_middle_of_a_tick_lies_in_it(pool: Pool, ticks: list[int]) -> None:
    grid = grid_of(pool)
    column = np.array(ticks, dtype=np.int64)
    inside = prices_at_ticks(column, grid) * 1.0001 ** (0.5 * grid.direction)
    assert ticks_at_prices(inside, grid).tolist() == ticks


def test_a_spacing_that_is_not_positive_is_refused() -> None:
    with pytest.raises(InvalidInput, match="spacing 0"):
        grid_of(make_pool(18, 6, base_is_token0=True, tick_spacing=0))


def test_positions_between_ticks_are_continuous() -> None:
    grid = grid_of(make_pool(18, 6, base_is_token0=False))
    assert tick_position(2000.0 * math.sqrt(1.0001), grid) == pytest.approx(tick_position(2000.0, grid) - 0.5)
