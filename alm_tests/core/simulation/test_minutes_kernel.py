"""The compiled kernels equal their slow twin in every mode, and keep their books."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.model.signals import RangeParams
from alm_core.simulation.minute_rules import MinuteCosts, Rule
from alm_core.simulation.minute_run import MinuteRun, Start, simulate_fixed, simulate_policy
from alm_tests.core.simulation import minute_twin
from alm_tests.core.simulation.minute_scenes import scene
from alm_tests.core.simulation.minute_twin import Wallet
from alm_tests.core.simulation.test_fitness import parameters

TIGHT = RangeParams(base_min_frac=0.004, base_max_frac=0.05)
RULE = Rule(min_hold_quarters=8, horizon_years=7 / 365.25, cost_multiple=1.0)
CHEAP = MinuteCosts(swap_fee_frac=5e-4, gas_open=0.02, gas_close=0.02, gas_swap=0.01)

starts = st.builds(Start, capital=st.floats(10, 1e6), base_frac=st.floats(0, 1))
prices_of_acting = st.builds(
    MinuteCosts,
    swap_fee_frac=st.floats(0, 0.01),
    impact=st.sampled_from([0.0, 2.0]),
    gas_open=st.floats(0, 2),
    gas_close=st.floats(0, 2),
    gas_swap=st.floats(0, 1),
)
rules = st.builds(
    Rule,
    min_hold_quarters=st.integers(0, 48),
    horizon_years=st.floats(1e-3, 0.1),
    cost_multiple=st.floats(0, 3),
    lvr_weight=st.floats(0, 1),
    yield_window=st.integers(1, 96),
    share_frac=st.floats(0.1, 1),
    place_multiple=st.floats(0, 2),
    min_apr_gain=st.floats(0, 0.02),
    may_idle=st.booleans(),
)


def assert_equal(found: MinuteRun, slow: Wallet, capital: float, price: float) -> None:
    assert found.success, found.reason
    assert found.nav == pytest.approx(slow.nav, rel=1e-9)
    assert found.final == pytest.approx(slow.value(price), rel=1e-9)
    for name in ("fees", "lvr", "swap", "gas"):
        # What is booked of nothing is rounding of the capital itself.
        assert getattr(found, name) == pytest.approx(getattr(slow, name), rel=1e-9, abs=1e-12 * capital), name
    assert found.rebalances == max(0, slow.actions - 1)
    assert found.in_range_frac == pytest.approx(slow.inside_minutes / len(found.nav) / 15, rel=1e-9)


@settings(max_examples=40)
@given(
    starts,
    prices_of_acting,
    st.integers(10, 1500),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.integers(1, 3),
)
def test_a_fixed_range_equals_its_slow_twin(
    start: Start, costs: MinuteCosts, half_width: int, reset: bool, ahead: bool, base_is_token0: bool, seed: int
) -> None:
    pool, market = scene(2, seed=seed, base_is_token0=base_is_token0)
    found = simulate_fixed(market, start, costs, half_width, reset=reset, as_demeter=ahead)
    slow = minute_twin.fixed(market, pool, start, costs, half_width, reset=reset, ahead=ahead)
    price = float(market.root[-2 if ahead else -1]) ** 2
    assert_equal(found, slow, start.capital, price)


@settings(max_examples=40)
@given(starts, prices_of_acting, parameters(), rules, st.booleans(), st.sampled_from([1, 10, 60]), st.integers(1, 3))
def test_the_policy_equals_its_slow_twin(
    start: Start, costs: MinuteCosts, params: RangeParams, rule: Rule, base_is_token0: bool, spacing: int, seed: int
) -> None:
    pool, market = scene(3, seed=seed, base_is_token0=base_is_token0, spacing=spacing)
    found = simulate_policy(market, start, costs, params, rule)
    slow = minute_twin.policy(market, pool, start, costs, [params], [0] * len(market.closes), rule)
    assert_equal(found, slow, start.capital, float(market.root[-1]) ** 2)


def test_parameters_that_change_along_the_way_equal_the_slow_twin() -> None:
    pool, market = scene(4)
    sets = [TIGHT, replace(TIGHT, base_min_frac=0.02, base_max_frac=0.2), replace(TIGHT, rs_threshold=0.1)]
    in_force = np.arange(len(market.closes)) // 48 % 3
    start = Start(capital=10_000.0)
    found = simulate_policy(market, start, CHEAP, sets, RULE, in_force=in_force)
    slow = minute_twin.policy(market, pool, start, CHEAP, sets, in_force.tolist(), RULE)
    assert_equal(found, slow, 10_000.0, float(market.root[-1]) ** 2)
    assert found.rebalances > 5
    assert all(found.final != simulate_policy(market, start, CHEAP, one, RULE).final for one in sets)


def test_every_action_of_the_policy_is_among_the_cases() -> None:
    pool, market = scene(4)
    dwindling = np.where(np.arange(len(market)) < 4000, 1.0, 1e-3)
    lean = replace(market, fee_base=market.fee_base * dwindling, fee_quote=market.fee_quote * dwindling)
    start = Start(capital=10_000.0)
    rule = replace(RULE, yield_window=12)
    found = simulate_policy(lean, start, CHEAP, TIGHT, rule)
    slow = minute_twin.policy(lean, pool, start, CHEAP, [TIGHT], [0] * len(lean.closes), rule)
    assert_equal(found, slow, 10_000.0, float(lean.root[-1]) ** 2)
    assert slow.liquidity == 0.0
    assert slow.actions > 3


@settings(max_examples=20)
@given(starts, st.integers(20, 800), st.integers(1, 3))
def test_what_was_earned_and_paid_adds_up_to_the_final_value(start: Start, half_width: int, seed: int) -> None:
    pool, market = scene(2, seed=seed)
    slow = minute_twin.fixed(market, pool, start, CHEAP, half_width, reset=True, ahead=False)
    found = simulate_fixed(market, start, CHEAP, half_width, reset=True)
    books = start.capital + slow.price_gain + found.fees - found.lvr - found.swap - found.gas
    assert found.final == pytest.approx(books, rel=1e-9)


def test_uncertain_liquidity_gives_a_low_and_a_high_figure() -> None:
    pool, market = scene(3, error_frac=4.0)
    start = Start(capital=10_000.0)
    found = simulate_fixed(market, start, CHEAP, 300, reset=True)
    low = minute_twin.fixed(market, pool, start, CHEAP, 300, reset=True, ahead=False, thickness=5.0)
    high = minute_twin.fixed(market, pool, start, CHEAP, 300, reset=True, ahead=False, thickness=0.2)
    assert found.fees_low == pytest.approx(low.fees, rel=1e-9)
    assert found.fees_high == pytest.approx(high.fees, rel=1e-9)
    assert found.final_low < found.final < found.final_high
    assert 3 < found.fees / found.fees_low < 7


def test_exact_minutes_have_no_error_bar() -> None:
    _, market = scene(2)
    found = simulate_fixed(market, Start(capital=1e4), CHEAP, 300, reset=True)
    assert found.final_low == found.final == found.final_high
    assert found.fees_low == found.fees == found.fees_high
