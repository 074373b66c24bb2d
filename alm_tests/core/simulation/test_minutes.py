"""Prepared minutes: quarter hours, forces, joining, and what cannot be simulated."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from alm_core.model.candles import MINUTE_MS
from alm_core.model.errors import InvalidInput
from alm_core.model.signals import RangeParams
from alm_core.simulation.minute_rules import MinuteCosts, Rule
from alm_core.simulation.minute_run import MinuteRun, Start, simulate_fixed, simulate_policy
from alm_core.simulation.minutes import MinuteMarket, joined_minutes
from alm_core.simulation.tape import tape_from_candles
from alm_tests.core.forces.tapes import walk
from alm_tests.core.simulation.minute_scenes import scene

START, COSTS = Start(capital=10_000.0), MinuteCosts(swap_fee_frac=5e-4)
PARAMS = RangeParams(base_min_frac=0.01, base_max_frac=0.1)
RULE = Rule(min_hold_quarters=8, horizon_years=7 / 365.25, cost_multiple=1.0)


def with_column(market: MinuteMarket, name: str, row: int, value: float) -> MinuteMarket:
    column = getattr(market, name).copy()
    column[row] = value
    return replace(market, **{name: column})


def assert_refused(found: MinuteRun, reason: str) -> None:
    assert not found.success
    assert reason in found.reason
    assert np.isnan([found.final, found.fees, found.lvr, found.hodl, found.final_low]).all()
    assert len(found.nav) == len(found.returns) == len(found.at_ms) == 0


def both(market: MinuteMarket, start: Start = START, costs: MinuteCosts = COSTS) -> tuple[MinuteRun, MinuteRun]:
    fixed = simulate_fixed(market, start, costs, 300, reset=True)
    return fixed, simulate_policy(market, start, costs, PARAMS, RULE)


@pytest.mark.parametrize("first", [0, 1, 7, 14])
def test_quarter_hours_are_those_of_the_clock(first: int) -> None:
    _, market = scene(2)
    part = market.rows(first, 200)
    assert not np.any(part.closes_at_ms % (15 * MINUTE_MS))
    assert part.closes_at_ms[0] == market.start_ms + 15 * MINUTE_MS
    assert 0 < part.closes[0] <= 15
    assert len(part) - 15 < part.closes[-1] <= len(part)


def test_forces_are_those_of_the_tape_at_the_same_close() -> None:
    series, (_, market) = walk(3), scene(3)
    tape = tape_from_candles(series)
    assert market.forces is not None
    first = len(market.closes) - len(tape)
    assert first == 96
    assert np.isnan(market.forces.volatility[:first]).all()
    assert np.array_equal(market.forces.volatility[first:], tape.volatility)
    assert np.array_equal(market.forces.bias[first:], tape.bias)
    assert np.array_equal(market.forces.sigma_annual[first:], tape.sigma_annual)
    assert market.root[market.closes[first:]] ** 2 == pytest.approx(tape.close, rel=1e-14)


def test_a_tape_of_another_time_gives_no_forces_and_no_action() -> None:
    _, market = scene(3)
    elsewhere = market.rows(0, len(market)).with_forces(tape_from_candles(walk(2).rows(slice(0, 0))))
    assert elsewhere.forces is not None
    assert np.isnan(elsewhere.forces.sigma_annual).all()
    found = simulate_policy(elsewhere, START, COSTS, PARAMS, RULE)
    assert found.success
    assert found.final == pytest.approx(found.hodl)
    assert found.fees == found.swap == found.gas == 0.0


def test_parts_of_a_market_join_to_the_whole() -> None:
    _, market = scene(2)
    cuts = [0, 700, 701, 2000, len(market)]
    joined = joined_minutes((market.rows(*cut) for cut in pairwise(cuts)), len(market))
    for name in ("tick", "root", "fee_base", "fee_quote", "liquidity"):
        assert np.array_equal(getattr(joined, name), getattr(market, name))
    assert joined.start_ms == market.start_ms
    with pytest.raises(InvalidInput, match="do not continue"):
        joined_minutes([market.rows(0, 100), market.rows(101, 200)], 199)
    with pytest.raises(InvalidInput, match="100 minutes were given, 150"):
        joined_minutes([market.rows(0, 100)], 150)


def test_columns_of_other_lengths_are_refused() -> None:
    _, market = scene(2)
    with pytest.raises(InvalidInput, match="shapes"):
        replace(market, root=market.root[:-1])


def test_too_few_minutes_give_a_reason() -> None:
    _, market = scene(2)
    for found in both(market.rows(0, 29)):
        assert_refused(found, "29 minutes are too few")


@pytest.mark.parametrize("price", [0.0, float("nan"), float("inf"), -1.0])
def test_a_price_that_is_none_gives_a_reason(price: float) -> None:
    _, market = scene(3)
    for found in both(with_column(market, "root", 77, price)):
        assert_refused(found, "price 77 of 4321")


def test_flat_prices_only_earn_fees() -> None:
    _, market = scene(3)
    flat = replace(
        market,
        root=np.full_like(market.root, market.root[0]),
        tick=np.full_like(market.tick, market.tick[0]),
    )
    for found in both(flat):
        assert found.success, found.reason
        assert found.lvr == 0.0
        assert found.final == pytest.approx(10_000.0 + found.fees - found.swap, rel=1e-12)


def test_liquidity_that_is_nowhere_gives_a_reason() -> None:
    _, market = scene(3)
    for found in both(replace(market, liquidity=np.zeros_like(market.liquidity))):
        assert_refused(found, "no minute has liquidity")
    for found in both(with_column(market, "liquidity", 5, 0.0)):
        assert_refused(found, "minute 5 has fees without active liquidity")
    for found in both(with_column(market, "fee_quote", 9, -1.0)):
        assert_refused(found, "fee_quote -1.0 of minute 9")


def test_a_minute_without_liquidity_and_fees_is_a_quiet_minute() -> None:
    _, market = scene(3)
    quiet = with_column(market, "liquidity", 5, 0.0)
    quiet = with_column(with_column(quiet, "fee_base", 5, 0.0), "fee_quote", 5, 0.0)
    for found in both(quiet):
        assert found.success, found.reason
        assert np.isfinite(found.nav).all()


@pytest.mark.parametrize(
    ("capital", "base_frac"), [(0.0, 0.5), (-1.0, 0.5), (float("nan"), 0.5), (float("inf"), 0.5), (1.0, 1.1)]
)
def test_capital_that_is_none_gives_a_reason(capital: float, base_frac: float) -> None:
    _, market = scene(3)
    for found in both(market, start=Start(capital=capital, base_frac=base_frac)):
        assert_refused(found, "capital" if base_frac <= 1 else "base_frac")


def test_costs_that_are_none_give_a_reason() -> None:
    _, market = scene(3)
    for found in both(market, costs=MinuteCosts(swap_fee_frac=float("nan"))):
        assert_refused(found, "swap_fee_frac nan")
    for found in both(market, costs=MinuteCosts(swap_fee_frac=0.0, gas_open=-1.0)):
        assert_refused(found, "gas_open -1.0")
    for found in both(market, costs=MinuteCosts(swap_fee_frac=1.0)):
        assert_refused(found, "leaves nothing")


def test_a_range_narrower_than_the_spacing_gives_a_reason() -> None:
    _, market = scene(3)
    assert_refused(simulate_fixed(market, START, COSTS, 9, reset=False), "9 ticks is less than the spacing 10")


def test_parameters_and_gates_that_are_none_give_a_reason() -> None:
    _, market = scene(3)
    reversed_bounds = replace(PARAMS, base_min_frac=0.2)
    assert_refused(simulate_policy(market, START, COSTS, reversed_bounds, RULE), "base_min_frac 0.2")
    assert_refused(simulate_policy(market, START, COSTS, [], RULE), "not all among the 0 given")
    chosen = np.full(market.closes.shape, 1)
    assert_refused(simulate_policy(market, START, COSTS, [PARAMS], RULE, in_force=chosen), "among the 1 given")
    assert_refused(simulate_policy(market, START, COSTS, [PARAMS], RULE, in_force=chosen[1:]), "in force for")
    assert_refused(simulate_policy(market, START, COSTS, PARAMS, replace(RULE, horizon_years=0.0)), "horizon_years 0.0")
    assert_refused(
        simulate_policy(market, START, COSTS, PARAMS, replace(RULE, cost_multiple=float("nan"))), "cost_multiple nan"
    )
    bare = replace(market, forces=None)
    assert_refused(simulate_policy(bare, START, COSTS, PARAMS, RULE), "no forces")


def test_later_minutes_do_not_change_earlier_values() -> None:
    _, market = scene(4)
    series = walk(4)
    part = market.rows(0, 3 * 1440).with_forces(tape_from_candles(series.rows(slice(0, 3 * 1440))))
    whole, early = (simulate_policy(one, START, COSTS, PARAMS, RULE) for one in (market, part))
    assert whole.rebalances > 0
    assert np.array_equal(whole.nav[: len(early.nav)], early.nav)


def test_returns_of_quarter_hours_multiply_to_the_whole() -> None:
    _, market = scene(3)
    found = simulate_policy(market, START, COSTS, PARAMS, RULE)
    assert len(found.nav) == len(found.at_ms) == len(found.hodl_nav) == len(market.closes)
    assert found.nav[0] * np.prod(1 + found.returns) == pytest.approx(found.nav[-1], rel=1e-12)
    assert found.nav[-1] == pytest.approx(found.final)
    assert found.hodl_nav[-1] == pytest.approx(found.hodl)
    assert found.hodl == pytest.approx(5000 * (1 + (market.root[-1] / market.root[0]) ** 2), rel=1e-12)
