"""Both token orders and 6, 8 and 18 decimals through the one crossing to floats."""

import math
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from alm_core.math.orientation import (
    price_at_sqrt_price_x96,
    price_at_tick,
    range_bounds_at_ticks,
    split_base_quote,
    sqrt_price_x96_from_price,
    ticks_for_range,
    to_float,
    to_raw,
)
from alm_core.math.tick import Q96, sqrt_price_x96_at_tick, usable_ticks
from alm_core.model.errors import InvalidInput
from alm_core.model.pools import Pool
from alm_core.model.signals import PriceRange
from alm_tests.core.math.strategies import make_pool, pools, raw_amounts

prices = st.floats(1e-6, 1e6)


def price_range(lower: float, upper: float) -> PriceRange:
    return PriceRange(
        lower=lower,
        upper=upper,
        base=(lower + upper) / 2,
        breadth_frac=0.01,
        confidence=1.0,
        trend_bias=0.0,
        kind="neutral",
    )


def test_weth_at_2000_usdc_is_the_same_price_in_both_token_orders() -> None:
    usdc_first, weth_first = make_pool(6, 18, base_is_token0=False), make_pool(18, 6, base_is_token0=True)
    # 1 USDC raw buys 5e8 wei: the root is sqrt(5e8) * 2^96.
    assert sqrt_price_x96_from_price(usdc_first, 2000.0) == math.isqrt(500_000_000 << 192)
    assert price_at_sqrt_price_x96(usdc_first, math.isqrt(500_000_000 << 192)) == pytest.approx(2000.0, rel=1e-12)
    assert price_at_sqrt_price_x96(weth_first, sqrt_price_x96_from_price(weth_first, 2000.0)) == pytest.approx(2000.0)


def test_wbtc_with_8_decimals_is_priced_in_units_not_in_satoshi() -> None:
    pool = make_pool(8, 6, base_is_token0=True)
    assert price_at_sqrt_price_x96(pool, math.isqrt(600 << 192)) == pytest.approx(60_000.0)


@given(pools(), prices)
def test_a_price_survives_the_round_trip(pool: Pool, price: float) -> None:
    assert price_at_sqrt_price_x96(pool, sqrt_price_x96_from_price(pool, price)) == pytest.approx(price, rel=1e-9)


@given(pools(), st.integers(-300_000, 300_000))
def test_tick_price_agrees_with_the_exact_root(pool: Pool, tick: int) -> None:
    exact = price_at_sqrt_price_x96(pool, sqrt_price_x96_at_tick(tick))
    assert price_at_tick(pool, tick) == pytest.approx(exact, rel=1e-9)


@given(pools(), prices, st.floats(1.0001, 3.0))
def test_ticks_enclose_the_range_within_one_spacing_at_each_end(pool: Pool, lower: float, ratio: float) -> None:
    wanted = price_range(lower, lower * ratio)
    tick_lower, tick_upper = ticks_for_range(pool, wanted)
    lowest, highest = usable_ticks(pool.tick_spacing)
    assert lowest <= tick_lower < tick_upper <= highest
    assert tick_lower % pool.tick_spacing == tick_upper % pool.tick_spacing == 0
    low, high = range_bounds_at_ticks(pool, tick_lower, tick_upper)
    slack = 1.0001 ** (pool.tick_spacing + 1)
    assert wanted.lower / slack <= low <= wanted.lower * (1 + 1e-9)
    assert wanted.upper * (1 - 1e-9) <= high <= wanted.upper * slack


@given(pools(), prices)
def test_a_range_narrower_than_the_spacing_still_has_two_ticks(pool: Pool, price: float) -> None:
    upper = math.nextafter(price, math.inf)
    tick_lower, tick_upper = ticks_for_range(pool, price_range(price, upper))
    assert tick_lower < tick_upper


@given(prices, prices)
def test_inverted_token_order_mirrors_the_ticks(one: float, other: float) -> None:
    lower, upper = sorted((one, other))
    assume(lower < upper)
    straight, mirrored = make_pool(6, 6, True, 1), make_pool(6, 6, False, 1)
    tick_lower, tick_upper = ticks_for_range(straight, price_range(lower, upper))
    mirror_lower, mirror_upper = ticks_for_range(mirrored, price_range(lower, upper))
    assert abs(mirror_lower + tick_upper) <= 1
    assert abs(mirror_upper + tick_lower) <= 1


@pytest.mark.parametrize("price", [0.0, -1.0, math.nan, math.inf])
def test_a_price_that_is_none_is_refused_by_name(price: float) -> None:
    with pytest.raises(InvalidInput, match="price"):
        sqrt_price_x96_from_price(make_pool(6, 18, True), price)


def test_an_inverted_range_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"\[2.0, 1.0\]"):
        ticks_for_range(make_pool(6, 6, True), price_range(2.0, 1.0))


@given(pools(), raw_amounts, raw_amounts)
def test_base_and_quote_are_a_view_that_undoes_itself(pool: Pool, amount0: int, amount1: int) -> None:
    base, quote = split_base_quote(pool, amount0, amount1)
    assert {pool.base.address: base, pool.quote.address: quote} == {
        pool.token0.address: amount0,
        pool.token1.address: amount1,
    }
    assert split_base_quote(pool, base, quote) == (amount0, amount1)


@given(pools(), st.integers(0, 10**15))
def test_raw_amounts_that_a_float_can_hold_survive_the_round_trip(pool: Pool, raw: int) -> None:
    assert abs(to_raw(pool.token0, to_float(pool.token0, raw)) - raw) <= 1


def test_one_unit_has_as_many_raw_digits_as_the_token_has_decimals() -> None:
    pool = make_pool(6, 18, True)
    assert to_raw(pool.token0, 1.5) == 1_500_000
    assert to_float(pool.token1, 25 * 10**17) == 2.5
    assert Q96 == 2**96


@given(pools(), raw_amounts, prices)
def test_integers_round_as_exact_fractions_do(pool: Pool, raw: int, price: float) -> None:
    assert to_float(pool.token0, raw) == float(Fraction(raw, 10**pool.token0.decimals))
    token1_per_token0 = Fraction(price) if pool.base_is_token0 else 1 / Fraction(price)
    exact = token1_per_token0 * Fraction(10) ** (pool.token1.decimals - pool.token0.decimals)
    root = math.isqrt((exact.numerator << 192) // exact.denominator)
    assert sqrt_price_x96_from_price(pool, price) == root
