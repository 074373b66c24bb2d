"""One set of formulas: what the simulator expects of a range is what live decisions expect."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.portfolio.placements import Outlook, Placement, care_of, pool_income_usd
from alm_core.portfolio.yields import PoolYield
from alm_core.ranges.income import care_of_range, shift_incomes, target_care
from alm_core.ranges.position import residence_years, standing_rate
from alm_core.simulation.rules import shift_gain

PRICE = 2000.0
bounds = st.tuples(st.floats(-0.2, 0.3), st.floats(0.002, 0.4)).map(
    lambda drawn: (PRICE * (1 + drawn[0] - drawn[1]), PRICE * (1 + drawn[0] + drawn[1]))
)
around = st.tuples(st.floats(0.002, 0.4), st.floats(0.002, 0.4)).map(
    lambda drawn: (PRICE * (1 - drawn[0]), PRICE * (1 + drawn[1]))
)
fees = st.floats(0, 5e7)
active = st.floats(1e3, 1e9)
capital = st.floats(1, 1e6)
outlooks = st.tuples(
    st.one_of(st.just(0.0), st.floats(0.01, 2)), st.floats(1e-3, 0.1), st.floats(0, 1), st.floats(0, 0.01)
)


def live(outlook: tuple[float, float, float, float]) -> Outlook:
    sigma, horizon, weight, once = outlook
    return Outlook(sigma_annual_frac=sigma, horizon_years=horizon, lvr_weight=weight, shift_cost_frac=once)


def found(fees_usd: float, active_usd: float) -> PoolYield:
    return PoolYield(pool_id="p", fees_usd=fees_usd, active_usd=active_usd, source="fee_growth", window_s=86_400.0)


@settings(max_examples=300)
@given(bounds, around, capital, st.floats(0, 0.2), fees, active, outlooks)
def test_incomes_before_and_after_a_shift_are_those_of_the_live_decision(
    held: tuple[float, float],
    target: tuple[float, float],
    capital_usd: float,
    owed_frac: float,
    fees_usd: float,
    active_usd: float,
    outlook: tuple[float, float, float, float],
) -> None:
    standing = capital_usd * (1 - owed_frac)
    after, now = shift_incomes(PRICE, held, target, standing, capital_usd, (fees_usd, active_usd), outlook)
    stays = Placement(pool_id="p", lower=held[0], upper=held[1], capital_usd=standing)
    placed = Placement(pool_id="p", lower=target[0], upper=target[1], capital_usd=capital_usd)
    pool, world = found(fees_usd, active_usd), live(outlook)
    scale = capital_usd * (1 + fees_usd / active_usd)
    assert after == pytest.approx(
        pool_income_usd(pool, (), (placed,), PRICE, target, world), rel=1e-12, abs=1e-12 * scale
    )
    assert now == pytest.approx(pool_income_usd(pool, (stays,), (), PRICE, target, world), rel=1e-12, abs=1e-12 * scale)


@given(around, fees, active, outlooks)
def test_care_of_a_range_is_that_of_the_live_decision(
    target: tuple[float, float], fees_usd: float, active_usd: float, outlook: tuple[float, float, float, float]
) -> None:
    care = care_of(found(fees_usd, active_usd), PRICE, target, live(outlook))
    assert target_care(PRICE, target, (fees_usd, active_usd), outlook) == pytest.approx(
        (care.held_frac, care.upkeep_apr), rel=1e-12
    )


@given(st.floats(-5, 20), st.floats(1e-6, 1), st.floats(1e-3, 0.1), st.floats(0, 0.01))
def test_care_earns_the_standing_rate(rate: float, residence: float, horizon: float, once: float) -> None:
    held, upkeep = care_of_range(rate, residence, horizon, once)
    assert rate * held - upkeep == pytest.approx(standing_rate(rate, residence, horizon, once), rel=1e-12, abs=1e-12)


@settings(max_examples=100)
@given(bounds, around, fees, active, outlooks)
def test_a_small_position_gains_by_a_shift_what_the_fitness_says(
    held: tuple[float, float],
    target: tuple[float, float],
    fees_usd: float,
    active_usd: float,
    outlook: tuple[float, float, float, float],
) -> None:
    # Both dilute, but not alike: by capital times concentration squared, which can be a million.
    small = 1e-12 * active_usd
    after, now = shift_incomes(PRICE, held, target, small, small, (fees_usd, active_usd), outlook)
    sigma, horizon, weight, once = outlook
    venue = (fees_usd / active_usd, 1e-12, weight, horizon)
    gain = shift_gain(PRICE, held, target, sigma, venue, once)
    assert (after - now) / small == pytest.approx(gain, rel=1e-5, abs=1e-5 * (1 + fees_usd / active_usd))


def test_a_range_that_the_price_has_left_earns_nothing_and_residence_is_none() -> None:
    assert residence_years(PRICE, 2100.0, 2200.0, 0.5) == 0.0
    _, now = shift_incomes(PRICE, (2100.0, 2200.0), (1900.0, 2100.0), 1e4, 1e4, (1e6, 1e7), (0.5, 0.02, 1.0, 1e-3))
    assert now == 0.0


def test_without_volatility_a_range_is_left_alone() -> None:
    assert care_of_range(1.0, math.inf, 0.02, 1e-3) == (1.0, 0.0)
