from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alm_core.model.errors import InvalidInput
from alm_core.model.signals import Forces, RangeParams
from alm_core.ranges.range import confidence_and_bias, divergence, half_width_frac, price_range

force = st.floats(0, 100)
prices = st.floats(1e-6, 1e6)
bounds = st.tuples(st.floats(0.5, 100), st.floats(1e-6, 50)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@st.composite
def parameters(draw: st.DrawFn) -> RangeParams:
    low = draw(st.floats(1e-4, 0.1))
    return RangeParams(
        base_min_frac=low,
        base_max_frac=draw(st.floats(low, 0.45)),
        vforce_exp=-draw(st.floats(0.05, 1)),
        vforce_divider=draw(st.floats(10, 1000)),
    )


def forces(volatility: float, momentum: float, trend: float) -> Forces:
    return Forces(volatility=volatility, momentum=momentum, trend=trend, sigma_annual_frac=0.5)


def width(volatility: float, params: RangeParams) -> float:
    return half_width_frac(
        volatility, params.base_min_frac, params.base_max_frac, params.vforce_exp, params.vforce_divider
    )


@settings(deadline=None)
@given(force, force, parameters())
def test_width_grows_with_volatility_and_stays_within_its_bounds(first: float, second: float, params: RangeParams):
    low, high = sorted((first, second))
    assert width(low, params) <= width(high, params) + 1e-15
    for volatility in (low, high):
        assert params.base_min_frac - 1e-15 <= width(volatility, params) <= params.base_max_frac + 1e-15


@settings(deadline=None)
@given(parameters())
def test_width_is_the_minimum_without_and_the_maximum_at_full_volatility(params: RangeParams) -> None:
    assert width(0, params) == params.base_min_frac
    assert width(100, params) == pytest.approx(params.base_max_frac)


def test_volatility_widens_the_range_where_the_reference_narrows_it() -> None:
    calm, wild = (price_range(1.0, forces(volatility, 50, 50), RangeParams()) for volatility in (5, 80))
    assert wild.breadth_frac > 2 * calm.breadth_frac


@settings(deadline=None)
@given(prices, force, force, force, parameters())
def test_a_range_encloses_its_price(price: float, v: float, m: float, t: float, params: RangeParams) -> None:
    found = price_range(price, forces(v, m, t), params)
    assert 0 < found.lower < price < found.upper
    assert found.breadth_frac == pytest.approx((found.upper - found.lower) / price)
    assert 0 <= found.confidence <= 100
    assert -1 <= found.trend_bias <= 1


@settings(deadline=None)
@given(prices, force, parameters())
def test_a_bullish_range_reaches_further_up_and_a_bearish_one_further_down(
    price: float, v: float, params: RangeParams
) -> None:
    up, down = (price_range(price, forces(v, m, t), params) for m, t in ((70, 80), (30, 20)))
    assert (up.kind, down.kind) == ("bullish", "bearish")
    assert up.upper - price > price - up.lower
    assert down.upper - price < price - down.lower


def test_momentum_close_to_neutral_damps_the_bias_as_much_as_one_point_away() -> None:
    near, one = (confidence_and_bias(20.0, momentum, 70.0)[1] for momentum in (49.9, 49.0))
    assert near == one
    assert abs(near) < 0.2


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), float("inf")])
def test_a_price_that_is_none_is_refused(price: float) -> None:
    with pytest.raises(InvalidInput, match="price"):
        price_range(price, forces(10, 50, 50), RangeParams())


@pytest.mark.parametrize(
    "change",
    [
        {"base_min_frac": 0.0},
        {"base_min_frac": 0.1},
        {"base_max_frac": 0.6},
        {"vforce_exp": 0.0},
        {"vforce_divider": -1.0},
        {"rs_threshold": 0.0},
        {"base_min_frac": float("nan")},
    ],
)
def test_parameters_without_a_range_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(change))):
        price_range(1.0, forces(10, 50, 50), replace(RangeParams(), **change))


@settings(deadline=None)
@given(bounds, bounds)
def test_divergence_is_within_bounds_and_zero_only_for_the_same_range(
    current: tuple[float, float], target: tuple[float, float]
) -> None:
    assume(current[1] > current[0] and target[1] > target[0])
    assert 0 <= divergence(current, target) <= 1
    assert divergence(current, current) == 0
    if divergence(current, target) < 1e-12:
        assert target == pytest.approx(current, rel=1e-9)


def test_divergence_of_ranges_without_width() -> None:
    assert divergence((1.0, 1.0), (1.0, 1.0)) == 0
    assert divergence((1.0, 1.0), (1.0, 2.0)) == 1
