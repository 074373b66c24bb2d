from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.model.errors import InvalidInput
from alm_core.model.signals import RangeParams
from alm_core.simulation.fitness import Venue, check_venue, covered_share, net_apr_of, net_returns, simulate
from alm_core.simulation.tape import Tape, tape_from_candles
from alm_tests.core.forces.tapes import walk
from alm_tests.core.simulation import twin

VENUE = Venue(
    full_range_apr=0.05,
    capital_share=1e-3,
    swap_cost_frac=8e-4,
    gas_cost_frac=2e-4,
    min_hold_bars=48,
    horizon_years=7 / 365.25,
    cost_multiple=2.0,
)
FREE = replace(VENUE, swap_cost_frac=0.0, gas_cost_frac=0.0, capital_share=0.0)


@cache
def tape(days: int = 12, sigma_minute: float = 6e-4, seed: int = 1) -> Tape:
    return tape_from_candles(walk(days, sigma_minute=sigma_minute, seed=seed))


@st.composite
def parameters(draw: st.DrawFn) -> RangeParams:
    low = draw(st.floats(1e-3, 0.05))
    return RangeParams(
        base_min_frac=low,
        base_max_frac=draw(st.floats(low, 0.45)),
        vforce_exp=-draw(st.floats(0.05, 1)),
        vforce_divider=draw(st.floats(10, 1000)),
        rs_threshold=draw(st.floats(0.05, 0.95)),
    )


venues = st.builds(
    Venue,
    # The walks lose 2 to 3 % a year to LVR: near there a shift pays in one bar and not in the next.
    full_range_apr=st.one_of(st.floats(0.015, 0.06), st.floats(0, 0.5)),
    capital_share=st.floats(0, 0.1),
    swap_cost_frac=st.floats(0, 5e-3),
    gas_cost_frac=st.floats(0, 5e-3),
    min_hold_bars=st.integers(0, 96),
    horizon_years=st.floats(1e-3, 0.1),
    cost_multiple=st.floats(0, 3),
    lvr_weight=st.floats(0, 1),
)


@settings(max_examples=80, deadline=None)
@given(parameters(), venues, st.integers(1, 3))
def test_the_kernel_equals_its_slow_twin_bar_by_bar(params: RangeParams, venue: Venue, seed: int) -> None:
    market = tape(6, seed=seed)
    slow = twin.net_by_bar(market, params, venue)
    assert simulate(market, params, venue).net_apr == pytest.approx(twin.net_apr(market, params, venue), rel=1e-9)
    assert net_returns(market, params, venue) == pytest.approx(slow, rel=1e-9, abs=1e-18)
    assert net_apr_of(market, venue)(params) == simulate(market, params, venue).net_apr


@settings(max_examples=20, deadline=None)
@given(parameters(), venues)
def test_returns_by_bar_add_up_to_the_fitness(params: RangeParams, venue: Venue) -> None:
    market = tape()
    years = (len(market) - 1) / 35_064
    summed = net_returns(market, params, venue).sum() / years
    assert summed == pytest.approx(simulate(market, params, venue).net_apr, rel=1e-9)


@settings(max_examples=20, deadline=None)
@given(parameters(), venues, st.integers(2, 1000))
def test_the_return_of_a_bar_depends_on_no_later_bar(params: RangeParams, venue: Venue, count: int) -> None:
    market = tape()
    before = net_returns(market.rows(slice(0, count)), params, venue)
    assert np.array_equal(before, net_returns(market, params, venue)[:count])


def test_where_a_column_of_the_market_is_flat_the_kernel_still_equals_its_twin() -> None:
    market = tape(4)
    calm = replace(market, low=market.close, high=market.close, bias=np.zeros(len(market)))
    params = RangeParams(base_min_frac=0.005, base_max_frac=0.05)
    assert simulate(calm, params, VENUE).net_apr == pytest.approx(twin.net_apr(calm, params, VENUE), rel=1e-9)


@pytest.mark.parametrize("bars", [0, 1])
def test_a_tape_without_a_second_bar_is_refused(bars: int) -> None:
    for work in (simulate, net_returns):
        with pytest.raises(InvalidInput, match=f"tape of {bars} bars"):
            work(tape().rows(slice(0, bars)), RangeParams(), VENUE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("full_range_apr", np.nan),
        ("full_range_apr", np.inf),
        ("full_range_apr", 1001.0),
        ("gas_cost_frac", -1e-9),
        ("swap_cost_frac", np.inf),
        ("horizon_years", 0.0),
        ("min_hold_bars", -1),
    ],
)
def test_a_venue_that_cannot_be_is_named(name: str, value: float) -> None:
    with pytest.raises(InvalidInput, match=f"venue: {name} is"):
        check_venue(replace(VENUE, **{name: value}))


def test_the_full_range_earns_its_yield_less_an_eighth_of_the_variance() -> None:
    sigma = 0.8
    market = tape()
    steady = replace(market, variance_annual=np.full(len(market), sigma**2))
    wide = replace(market, low=market.close * 0.999, high=market.close * 1.001, close=market.close)
    steady = replace(steady, low=wide.low, high=wide.high, bias=np.zeros(len(market)))
    widest = RangeParams(base_min_frac=0.999_999_99, base_max_frac=0.999_999_99, rs_threshold=1.0)
    found = simulate(steady, widest, FREE)
    # A range from 1e-8 P to 2 P is not yet the full one; its concentration is known in closed form.
    times = 2 / (2 - np.sqrt(1e-8) - np.sqrt(0.5))
    assert found.fee_apr / times == pytest.approx(FREE.full_range_apr, rel=1e-3)
    assert found.lvr_apr / times == pytest.approx(sigma**2 / 8, rel=1e-3)


def test_lvr_uses_yearly_volatility() -> None:
    found = simulate(tape(), RangeParams(base_min_frac=0.4, base_max_frac=0.4), FREE)
    times = found.fee_apr / FREE.full_range_apr
    assert found.lvr_apr / times == pytest.approx((6e-4**2 * 525_960) / 8, rel=0.25)


@settings(max_examples=30, deadline=None)
@given(parameters())
def test_without_yield_no_parameters_beat_doing_nothing(params: RangeParams) -> None:
    assert simulate(tape(), params, replace(VENUE, full_range_apr=0.0)).net_apr < 0


@settings(max_examples=30, deadline=None)
@given(parameters(), st.floats(0, 0.01))
def test_dearer_gas_never_helps_a_position_that_never_moves(params: RangeParams, gas: float) -> None:
    still = replace(VENUE, cost_multiple=1e9)
    assert (
        simulate(tape(), params, replace(still, gas_cost_frac=gas)).net_apr
        <= simulate(tape(), params, replace(still, gas_cost_frac=0.0)).net_apr
    )


def test_more_capital_dilutes_its_own_fees() -> None:
    params = RangeParams(base_min_frac=0.02, base_max_frac=0.1)
    small, large = (simulate(tape(), params, replace(VENUE, capital_share=share)) for share in (0.0, 0.05))
    assert large.fee_apr < 0.6 * small.fee_apr


def test_a_shift_that_does_not_pay_is_not_made() -> None:
    params = RangeParams(base_min_frac=0.005, base_max_frac=0.02)
    assert simulate(tape(), params, FREE).shifts > 20
    assert simulate(tape(), params, replace(VENUE, gas_cost_frac=0.9)).shifts == 0


def test_the_parts_of_an_outcome_add_up() -> None:
    found = simulate(tape(), RangeParams(base_min_frac=0.01, base_max_frac=0.1), VENUE)
    assert found.net_apr == found.fee_apr - found.lvr_apr - found.cost_apr


@settings(deadline=None)
@given(st.floats(1, 2), st.floats(0, 1), st.floats(0.5, 2.5), st.floats(0, 1))
def test_covered_share_is_a_share_of_the_span(low: float, span: float, lower: float, width: float) -> None:
    share = covered_share(low, low + span, lower, lower + width)
    assert 0 <= share <= 1 + 1e-12
    if lower <= low and low + span < lower + width:
        assert share == pytest.approx(1)
