import math
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alm_core.portfolio.filling.vessels import Vessel
from alm_tests.core.portfolio.filling.fills import best_at_price, vessel, wild_vessels, worth

bounded = wild_vessels.map(lambda found: replace(found[0], cap_usd=min(found[0].cap_usd, 1e7)))
prices = st.just(0.0) | st.floats(1e-6, 10)


@settings(deadline=None)
@given(st.floats(0, 1e6), st.floats(1, 1e6))
def test_marginal_is_the_slope_of_income_and_falls(start: float, step: float) -> None:
    pool = vessel(3e5, 1e7, upkeep_apr=0.02)
    slope = (pool.income_usd(start + 1e-2) - pool.income_usd(start)) / 1e-2
    assert pool.marginal_apr(start) == pytest.approx(slope, rel=1e-2, abs=1e-4)
    assert pool.marginal_apr(start + step) < pool.marginal_apr(start)
    bend = (pool.marginal_apr(start) - pool.marginal_apr(start + 1.0)) / 1.0
    assert pool.bend(start) == pytest.approx(bend, rel=1e-4, abs=1e-15)


@settings(deadline=None)
@given(bounded, st.floats(0, 1e6))
def test_worth_is_income_less_what_moving_costs(pool: Vessel, amount: float) -> None:
    assert pool.worth_usd(amount) == pytest.approx(worth(pool, amount), rel=1e-9, abs=1e-9)


@settings(deadline=None)
@given(bounded, prices)
def test_a_pool_takes_what_is_worth_most_at_the_price(pool: Vessel, price: float) -> None:
    amount, _ = pool.response(price)
    assert 0.0 <= amount <= pool.cap_usd
    surplus = worth(pool, amount) - price * amount
    rates = pool.gross_apr(amount) + pool.exit_apr + pool.entry_apr + price
    assert best_at_price(pool, price, 1e7) - surplus <= 1e-9 * (rates * max(1.0, amount, pool.held_usd) + 1e-6)


@settings(deadline=None)
@given(bounded, prices, st.floats(1e-9, 1))
def test_dearer_dollars_are_never_taken_in_larger_numbers(pool: Vessel, price: float, rise: float) -> None:
    assert pool.capital_at(price + rise) <= pool.capital_at(price)


@settings(deadline=None)
@given(st.floats(0.03, 0.13), st.floats(0.2, 3))
def test_the_fall_of_what_is_taken_is_its_slope(price: float, growth: float) -> None:
    pool = vessel(3e5 * growth, 1e7, upkeep_apr=0.01)
    amount, fall = pool.response(price)
    assume(amount > 1.0)
    after = pool.capital_at(price + 1e-7)
    assert fall == pytest.approx((amount - after) / 1e-7, rel=1e-3)


def test_within_the_no_trade_region_what_is_held_stays_to_the_last_bit() -> None:
    pool = replace(vessel(3e5, 1e7), held_usd=12_345.678_9, entry_apr=0.01, exit_apr=0.02)
    middle = pool.marginal_apr(pool.held_usd)
    for price in (middle - 0.0099, middle, middle + 0.0199):
        assert pool.capital_at(price) == 12_345.678_9
    assert pool.capital_at(middle - 0.0101) > 12_345.678_9
    assert pool.capital_at(middle + 0.0201) < 12_345.678_9


def test_from_its_top_price_on_a_pool_takes_nothing() -> None:
    plain = vessel(3e5, 1e7, entry_apr=0.01)
    held = replace(plain, held_usd=1e4, exit_apr=0.02)
    dead = replace(held, fees_usd=0.0)
    for pool in (plain, held, dead):
        assert pool.capital_at(pool.top_apr) <= 1e-15 * pool.active_usd
    for pool in (plain, held):
        assert pool.capital_at(pool.top_apr - 1e-4) > 0.0


def test_a_cap_below_what_is_held_sells_down_to_it() -> None:
    pool = replace(vessel(3e5, 1e7), held_usd=5e4, cap_usd=3e4, exit_apr=10.0)
    assert pool.capital_at(0.0) == 3e4
    assert math.isclose(pool.kept_usd, 3e4)
