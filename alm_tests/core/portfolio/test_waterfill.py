import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.model.errors import InvalidInput
from alm_core.portfolio.waterfill import Vessel, water_fill

vessels = st.lists(
    st.builds(
        Vessel,
        pool_id=st.just("p"),
        fees_usd=st.just(0.0) | st.floats(1e-3, 1e6),
        active_usd=st.floats(1, 1e8),
        times=st.floats(1, 500),
        lvr_apr=st.just(0.0) | st.floats(1e-6, 0.2),
        held_frac=st.just(0.0) | st.floats(1e-6, 1),
        cap_usd=st.floats(0, 1e6),
    ),
    min_size=0,
    max_size=6,
)


def vessel(fees: float, active: float, times: float = 10.0, lvr: float = 0.01, cap: float = 1e9) -> Vessel:
    return Vessel(pool_id="p", fees_usd=fees, active_usd=active, times=times, lvr_apr=lvr, held_frac=0.8, cap_usd=cap)


@settings(deadline=None)
@given(vessels, st.floats(0, 1e7))
def test_the_last_dollar_earns_the_same_wherever_it_may_still_go(pools: list[Vessel], capital: float) -> None:
    found = water_fill(pools, capital, 10)
    assert found.placed_usd <= capital * (1 + 1e-12)
    scale = max((pool.marginal_apr(0.0) for pool in pools), default=1.0)
    assert found.kkt_residual_apr <= 1e-6 * max(1.0, abs(scale))
    for pool, amount in zip(pools, found.amounts_usd, strict=True):
        assert 0 <= amount <= pool.cap_usd
    if found.level_apr > 0:
        assert found.placed_usd == pytest.approx(capital, rel=1e-6, abs=1e-6)


def test_it_beats_every_point_of_a_fine_grid() -> None:
    pools = [vessel(3e5, 1e7), vessel(2e5, 4e6, times=6), vessel(1e5, 5e6, times=20, cap=2e4)]
    capital, steps = 1e5, 50
    found = water_fill(pools, capital, 3)
    income = sum(pool.income_usd(x) for pool, x in zip(pools, found.amounts_usd, strict=True))
    best = max(
        sum(pool.income_usd(capital * k / steps) for pool, k in zip(pools, shares, strict=True))
        for shares in itertools.product(range(steps + 1), repeat=3)
        if sum(shares) <= steps and shares[2] * capital / steps <= 2e4
    )
    assert income >= best
    assert income <= best * 1.01


@settings(deadline=None)
@given(st.floats(0, 1e6), st.floats(1, 1e6))
def test_marginal_is_the_slope_of_income_and_falls(start: float, step: float) -> None:
    pool = vessel(3e5, 1e7)
    slope = (pool.income_usd(start + 1e-2) - pool.income_usd(start)) / 1e-2
    assert pool.marginal_apr(start) == pytest.approx(slope, rel=1e-2, abs=1e-4)
    assert pool.marginal_apr(start + step) < pool.marginal_apr(start)


def test_capital_that_would_lose_money_stays_out() -> None:
    assert water_fill([vessel(1e3, 1e7, lvr=0.05)], 1e5, 3).amounts_usd == (0.0,)
    found = water_fill([vessel(1e5, 1e6, lvr=0.05)], 1e7, 3)
    assert 0 < found.placed_usd < 1e7
    assert found.level_apr == 0


def test_capital_is_spread_although_one_pool_pays_most() -> None:
    # The reference put everything into the pool with the highest yield.
    found = water_fill([vessel(3e5, 1e6), vessel(2e5, 1e6), vessel(1e5, 1e6)], 1e6, 3)
    assert sorted(found.amounts_usd, reverse=True) == list(found.amounts_usd)
    assert found.amounts_usd[2] > 0


def test_pools_are_chosen_by_what_they_bring_not_by_their_first_dollar() -> None:
    tempting, deep = vessel(200.0, 1e3, times=1, lvr=0), vessel(1e5, 1e6, times=1, lvr=0)
    assert tempting.marginal_apr(0) > deep.marginal_apr(0)
    found = water_fill([tempting, deep], 1e5, 1)
    assert found.amounts_usd == (0.0, pytest.approx(1e5))


@settings(deadline=None, max_examples=50)
@given(vessels, st.floats(0, 1e6), st.integers(0, 3))
def test_no_more_pools_than_allowed_get_capital(pools: list[Vessel], capital: float, most: int) -> None:
    assert sum(amount > 0 for amount in water_fill(pools, capital, most).amounts_usd) <= most


def test_the_order_of_pools_does_not_matter() -> None:
    random = np.random.default_rng(2)
    pools = [vessel(float(f), float(a)) for f, a in random.uniform([1e4, 1e5], [1e6, 1e7], (5, 2))]
    forwards, backwards = water_fill(pools, 1e5, 3), water_fill(pools[::-1], 1e5, 3)
    assert forwards.amounts_usd == backwards.amounts_usd[::-1]


@pytest.mark.parametrize("capital", [-1.0, float("nan"), float("inf")])
def test_capital_that_is_none_is_refused(capital: float) -> None:
    with pytest.raises(InvalidInput, match="capital"):
        water_fill([], capital, 3)
