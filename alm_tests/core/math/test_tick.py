"""Ticks against the contract's own constants, and the properties that make the inverse exact."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alm_core.math.liquidity import liquidity_for_amounts
from alm_core.math.tick import (
    MAX_SQRT_PRICE_X96,
    MAX_TICK,
    MIN_SQRT_PRICE_X96,
    MIN_TICK,
    Q96,
    sqrt_price_x96_at_tick,
    tick_at_sqrt_price_x96,
    tick_ceil,
    tick_floor,
    usable_ticks,
)
from alm_core.model.errors import InvalidInput
from alm_tests.core.math.strategies import sqrt_prices, ticks
from alm_tests.golden.vectors import load


def test_the_ends_are_the_constants_of_tick_math() -> None:
    assert sqrt_price_x96_at_tick(MIN_TICK) == MIN_SQRT_PRICE_X96 == 4295128739
    assert sqrt_price_x96_at_tick(MAX_TICK) == MAX_SQRT_PRICE_X96
    assert sqrt_price_x96_at_tick(0) == Q96


# From the unit tests of Uniswap/v3-core (TickMath.spec.ts and its snapshot).
@pytest.mark.parametrize(
    ("tick", "sqrt_price_x96"),
    [
        (MIN_TICK + 1, 4295343490),
        (MAX_TICK - 1, 1461373636630004318706518188784493106690254656249),
        (50, 79426470787362580746886972461),
        (-50, 79030349367926598376800521322),
        (100, 79625275426524748796330556128),
        (-100, 78833030112140176575862854579),
        (250_000, 21246587762933397357449903968194344),
        (-500_000, 1101692437043807371),
    ],
)
def test_known_ticks_have_the_contracts_prices(tick: int, sqrt_price_x96: int) -> None:
    assert sqrt_price_x96_at_tick(tick) == sqrt_price_x96


@given(ticks.filter(lambda tick: tick < MAX_TICK))
def test_a_tick_comes_back_from_its_own_price_and_not_from_one_below(tick: int) -> None:
    price = sqrt_price_x96_at_tick(tick)
    assert tick_at_sqrt_price_x96(price) == tick
    if tick > MIN_TICK:
        assert tick_at_sqrt_price_x96(price - 1) == tick - 1


@given(sqrt_prices(st.integers(MIN_TICK, MAX_TICK - 1)))
def test_the_tick_of_a_price_is_the_greatest_not_above_it(sqrt_price: int) -> None:
    tick = tick_at_sqrt_price_x96(sqrt_price)
    assert sqrt_price_x96_at_tick(tick) <= sqrt_price < sqrt_price_x96_at_tick(tick + 1)


@given(ticks, st.sampled_from([1, 10, 50, 60, 200]))
def test_alignment_encloses_the_tick_within_one_spacing(tick: int, spacing: int) -> None:
    floor, ceil = tick_floor(tick, spacing), tick_ceil(tick, spacing)
    assert floor % spacing == ceil % spacing == 0
    assert floor <= tick <= ceil
    assert ceil - floor == (0 if tick % spacing == 0 else spacing)


@given(st.sampled_from([1, 10, 50, 60, 200]))
def test_usable_ticks_are_the_widest_the_contract_takes(spacing: int) -> None:
    lowest, highest = usable_ticks(spacing)
    assert lowest - spacing < MIN_TICK <= lowest
    assert highest <= MAX_TICK < highest + spacing


@pytest.mark.parametrize("tick", [MIN_TICK - 1, MAX_TICK + 1])
def test_a_tick_outside_the_contracts_bounds_is_refused(tick: int) -> None:
    with pytest.raises(InvalidInput, match=str(tick)):
        sqrt_price_x96_at_tick(tick)


@pytest.mark.parametrize("price", [0, MIN_SQRT_PRICE_X96 - 1, MAX_SQRT_PRICE_X96])
def test_a_price_no_pool_can_hold_is_refused(price: int) -> None:
    with pytest.raises(InvalidInput, match=str(price)):
        tick_at_sqrt_price_x96(price)


@pytest.mark.reference
def test_reference_vectors_are_met_exactly() -> None:
    cases = load("tick_math")
    compared = 0
    for case in cases:
        if case["op"] == "tickToSqrtPriceX96" and "error" in case:
            with pytest.raises(InvalidInput):
                sqrt_price_x96_at_tick(case["tick"])
        elif case["op"] == "tickToSqrtPriceX96":
            assert sqrt_price_x96_at_tick(case["tick"]) == int(case["out"])
        elif case["op"] == "computeLiquidity":
            bounds = [sqrt_price_x96_at_tick(case[name]) for name in ("tickLower", "tickUpper")]
            amounts = [int(case[name]) for name in ("amount0", "amount1")]
            assert liquidity_for_amounts(int(case["sqrtPriceX96"]), *bounds, *amounts) == int(case["out"])
        else:
            continue
        compared += 1
    assert compared > 150
