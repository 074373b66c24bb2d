"""Liquidity maths: round trips, monotonicity, and minima that really hold at every price of an interval."""

import pytest
from hypothesis import example, given, reject
from hypothesis import strategies as st

from alm_core.math.liquidity import (
    amount0_delta,
    amount1_delta,
    amounts_for_liquidity,
    burn_maximums,
    burn_minimums,
    liquidity_for_amounts,
    mint_minimums,
    price_interval,
)
from alm_core.math.tick import Q96, sqrt_price_x96_at_tick
from alm_core.model.errors import InvalidInput
from alm_tests.core.math.strategies import liquidities, market_ticks, raw_amounts, sqrt_prices, tick_ranges


def bounds(tick_range: tuple[int, int]) -> tuple[int, int]:
    return sqrt_price_x96_at_tick(tick_range[0]), sqrt_price_x96_at_tick(tick_range[1])


def mintable(price: int, tick_range: tuple[int, int], amount0: int, amount1: int) -> int:
    """Liquidity of a mint; cases in which the contract itself reverts for 128 bits are not of interest here."""
    try:
        return liquidity_for_amounts(price, *bounds(tick_range), amount0, amount1)
    except InvalidInput:
        reject()


def test_amounts_match_the_unit_tests_of_sqrt_price_math() -> None:
    # Uniswap/v3-core SqrtPriceMath.spec.ts: price 1 to 1.21 with 1e18 of liquidity.
    one, more = Q96, 87150978765690771352898345369
    assert amount0_delta(one, more, 10**18, round_up=True) == 90909090909090910
    assert amount0_delta(one, more, 10**18, round_up=False) == 90909090909090909
    assert amount1_delta(one, more, 10**18, round_up=True) == 100000000000000000
    assert amount1_delta(one, more, 10**18, round_up=False) == 99999999999999999


@given(tick_ranges(), sqrt_prices(), liquidities)
def test_rounding_up_and_down_differ_by_at_most_one_unit(
    tick_range: tuple[int, int], price: int, liquidity: int
) -> None:
    up = amounts_for_liquidity(price, *bounds(tick_range), liquidity, round_up=True)
    down = amounts_for_liquidity(price, *bounds(tick_range), liquidity, round_up=False)
    assert all(0 <= high - low <= 1 for high, low in zip(up, down, strict=True))


@given(tick_ranges(), sqrt_prices(), liquidities)
def test_amounts_are_one_sided_outside_the_range(tick_range: tuple[int, int], price: int, liquidity: int) -> None:
    lower, upper = bounds(tick_range)
    amount0, amount1 = amounts_for_liquidity(price, lower, upper, liquidity, round_up=True)
    if price <= lower:
        assert amount1 == 0
    if price >= upper:
        assert amount0 == 0


@given(tick_ranges(), sqrt_prices(), raw_amounts, raw_amounts)
def test_minting_never_takes_more_than_was_given(
    tick_range: tuple[int, int], price: int, amount0: int, amount1: int
) -> None:
    liquidity = mintable(price, tick_range, amount0, amount1)
    used0, used1 = amounts_for_liquidity(price, *bounds(tick_range), liquidity, round_up=True)
    assert used0 <= amount0
    assert used1 <= amount1


@given(tick_ranges(), sqrt_prices(), st.integers(10**6, 10**30))
def test_liquidity_survives_the_round_trip_through_its_amounts(
    tick_range: tuple[int, int], price: int, liquidity: int
) -> None:
    lower, upper = bounds(tick_range)
    amounts = amounts_for_liquidity(price, lower, upper, liquidity, round_up=True)
    again = mintable(price, tick_range, *amounts)
    clamped = min(max(price, lower), upper)
    # The periphery truncates the product of the roots to a multiple of 2^-96: that much may be lost, never more.
    lost = liquidity * Q96 // (clamped * upper) + 2 if clamped < upper else 0
    assert liquidity - lost <= again


@given(tick_ranges(), sqrt_prices(), sqrt_prices(), liquidities)
def test_token0_falls_and_token1_rises_with_the_price(
    tick_range: tuple[int, int], one: int, other: int, liquidity: int
) -> None:
    low, high = sorted((one, other))
    at_low = amounts_for_liquidity(low, *bounds(tick_range), liquidity, round_up=False)
    at_high = amounts_for_liquidity(high, *bounds(tick_range), liquidity, round_up=False)
    assert at_low[0] >= at_high[0]
    assert at_low[1] <= at_high[1]


@st.composite
def interval_cases(draw: st.DrawFn) -> tuple[int, tuple[int, int], float, int]:
    """Draw a price, a range near it (or not), a half width, and a price within the interval."""
    tick = draw(market_ticks)
    price = sqrt_price_x96_at_tick(tick) + draw(st.integers(0, 1000))
    spacing = draw(st.sampled_from([1, 10, 60]))
    lower = (tick + draw(st.integers(-300, 300))) // spacing * spacing
    tick_range = (lower, lower + draw(st.integers(1, 60)) * spacing)
    width = draw(st.sampled_from([0.0, 0.0001, 0.001, 0.005, 0.05]))
    interval = price_interval(price, width)
    at = draw(st.integers(interval.sqrt_lower_x96, interval.sqrt_upper_x96))
    return price, tick_range, width, at


@given(interval_cases(), raw_amounts, raw_amounts)
@example((Q96, (-10, 10), 0.05, Q96), 10**18, 10**6)
def test_mint_minima_hold_at_every_price_of_the_interval(
    case: tuple[int, tuple[int, int], float, int], amount0: int, amount1: int
) -> None:
    price, tick_range, width, at = case
    minimum0, minimum1 = mint_minimums(price_interval(price, width), *bounds(tick_range), amount0, amount1)
    liquidity = mintable(at, tick_range, amount0, amount1)
    used0, used1 = amounts_for_liquidity(at, *bounds(tick_range), liquidity, round_up=True)
    assert 0 <= minimum0 <= used0
    assert 0 <= minimum1 <= used1


@given(interval_cases(), liquidities)
def test_burn_bounds_hold_at_every_price_of_the_interval(
    case: tuple[int, tuple[int, int], float, int], liquidity: int
) -> None:
    price, tick_range, width, at = case
    interval = price_interval(price, width)
    minimums = burn_minimums(interval, *bounds(tick_range), liquidity)
    maximums = burn_maximums(interval, *bounds(tick_range), liquidity)
    paid = amounts_for_liquidity(at, *bounds(tick_range), liquidity, round_up=False)
    assert all(low <= got <= high for low, got, high in zip(minimums, paid, maximums, strict=True))


def test_mint_minima_are_tight_where_the_interval_is_a_point() -> None:
    lower, upper = bounds((-600, 600))
    minimums = mint_minimums(price_interval(Q96, 0.0), lower, upper, 10**18, 10**18)
    liquidity = liquidity_for_amounts(Q96, lower, upper, 10**18, 10**18)
    used = amounts_for_liquidity(Q96, lower, upper, liquidity, round_up=True)
    assert all(0 <= got - low <= 10**4 for low, got in zip(minimums, used, strict=True))


def test_mint_minima_protect_most_of_both_amounts_over_a_narrow_interval() -> None:
    lower, upper = bounds((-6000, 6000))
    minimum0, minimum1 = mint_minimums(price_interval(Q96, 0.001), lower, upper, 10**18, 10**18)
    assert minimum0 > 0.99 * 10**18
    assert minimum1 > 0.99 * 10**18


@given(interval_cases())
def test_a_price_interval_encloses_its_price_and_has_the_asked_width(
    case: tuple[int, tuple[int, int], float, int],
) -> None:
    price, _, width, _ = case
    interval = price_interval(price, width)
    assert interval.sqrt_lower_x96 <= price <= interval.sqrt_upper_x96
    assert abs((interval.sqrt_upper_x96 / price) ** 2 - (1 + width)) < 1e-9
    assert abs((interval.sqrt_lower_x96 / price) ** 2 - (1 - width)) < 1e-9


def test_liquidity_beyond_128_bits_is_refused_as_the_contract_refuses_it() -> None:
    lower, upper = bounds((-1, 1))
    with pytest.raises(InvalidInput, match="128 bits"):
        liquidity_for_amounts(Q96, lower, upper, 1 << 127, 1 << 127)
