from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.portfolio.placements import Outlook, Placement, care_of, pool_income_usd, vessel_of
from alm_core.portfolio.yields import PoolYield

OUTLOOK = Outlook(sigma_annual_frac=0.5, horizon_years=7 / 365.25, lvr_weight=1.0, shift_cost_frac=5e-4)
POOL = PoolYield(pool_id="p", fees_usd=7e6, active_usd=5e7, source="fee_growth", window_s=86_400)
PRICE, BOUNDS = 2000.0, (1900.0, 2100.0)
amounts = st.floats(1.0, 1e7)


def placed(capital: float, lower: float = BOUNDS[0], upper: float = BOUNDS[1]) -> Placement:
    return Placement(pool_id="p", lower=lower, upper=upper, capital_usd=capital)


def income(*, held: tuple[Placement, ...] = (), fresh: tuple[Placement, ...] = (), outlook: Outlook = OUTLOOK) -> float:
    return pool_income_usd(POOL, held, fresh, PRICE, BOUNDS, outlook)


@settings(deadline=None)
@given(amounts)
def test_income_is_what_water_filling_maximises(capital: float) -> None:
    vessel = vessel_of(POOL, PRICE, BOUNDS, OUTLOOK, 1e9)
    assert income(fresh=(placed(capital),)) == pytest.approx(vessel.income_usd(capital))


@settings(deadline=None)
@given(amounts, amounts)
def test_two_placements_earn_together_what_one_of_both_would(first: float, second: float) -> None:
    together = income(fresh=(placed(first), placed(second)))
    assert together == pytest.approx(income(fresh=(placed(first + second),)))


@settings(deadline=None)
@given(amounts)
def test_capital_dilutes_itself(capital: float) -> None:
    assert income(fresh=(placed(2 * capital),)) < 2 * income(fresh=(placed(capital),))


@pytest.mark.parametrize("bounds", [(1500.0, 1900.0), (1500.0, 2000.0), (2000.0, 2100.0), (2100.0, 2200.0)])
def test_a_position_out_of_range_earns_and_loses_nothing(bounds: tuple[float, float]) -> None:
    assert income(held=(placed(1e4, *bounds),)) == 0
    assert vessel_of(POOL, PRICE, bounds, OUTLOOK, 1e9).capital_at(0.0) == 0


def test_replacing_a_position_by_the_same_one_gains_no_more_than_its_upkeep() -> None:
    held, fresh = income(held=(placed(1e4),)), income(fresh=(placed(1e4),))
    assert abs(fresh - held) <= 0.5 * abs(fresh)


def test_a_range_is_looked_after_where_that_pays_and_left_alone_where_it_does_not() -> None:
    cheap = care_of(POOL, PRICE, BOUNDS, OUTLOOK)
    dear = care_of(POOL, PRICE, BOUNDS, replace(OUTLOOK, shift_cost_frac=0.5))
    assert cheap.upkeep_apr > 0
    assert dear.upkeep_apr == 0
    assert 0 < dear.held_frac < cheap.held_frac <= 1


def test_rewards_count_as_fees_less_their_haircut_and_unknown_ones_as_none() -> None:
    rewarded = replace(POOL, rewards_usd=2e6)
    counting = replace(OUTLOOK, rewards_haircut_frac=0.25)
    as_fees = replace(POOL, fees_usd=POOL.fees_usd + 1.5e6)
    fresh = (placed(1e5),)
    earned = pool_income_usd(rewarded, (), fresh, PRICE, BOUNDS, counting)
    assert earned == pytest.approx(pool_income_usd(as_fees, (), fresh, PRICE, BOUNDS, OUTLOOK))
    assert vessel_of(rewarded, PRICE, BOUNDS, counting, 1e9) == vessel_of(as_fees, PRICE, BOUNDS, OUTLOOK, 1e9)
    for unpaid in (POOL, replace(POOL, rewards_usd=0.0)):
        assert pool_income_usd(unpaid, (), fresh, PRICE, BOUNDS, counting) == income(fresh=fresh)
    assert pool_income_usd(rewarded, (), fresh, PRICE, BOUNDS, OUTLOOK) == income(fresh=fresh)


@settings(deadline=None)
@given(amounts)
def test_our_own_capital_dilutes_rewards_too(capital: float) -> None:
    rewarded, counting = replace(POOL, fees_usd=0.0, rewards_usd=2e7), replace(OUTLOOK, rewards_haircut_frac=0.0)
    one = pool_income_usd(rewarded, (), (placed(capital),), PRICE, BOUNDS, counting)
    two = pool_income_usd(rewarded, (), (placed(2 * capital),), PRICE, BOUNDS, counting)
    assert two < 2 * one
