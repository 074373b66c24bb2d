import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.model.errors import InvalidInput
from alm_core.portfolio.filling.vessels import Group, Vessel
from alm_core.portfolio.waterfill import Fill, water_fill
from alm_tests.core.portfolio.filling.fills import (
    CAPITAL,
    best_by_slsqp,
    best_of_subsets,
    capital,
    duality_gap,
    fill,
    random_case,
    total_worth,
    vessel,
    wild_cases,
    wild_vessels,
    worth,
)

SMALL = [vessel(3e5, 1e7), vessel(2e5, 4e6, times=6), vessel(1e5, 5e6, times=20)]


def scale_of(vessels: list[Vessel], found: Fill) -> float:
    """USD a year that an error is small against: the largest yield at the amounts, on all that is there."""
    rates = [pool.gross_apr(amount) for pool, amount in zip(vessels, found.amounts_usd, strict=True)]
    prices = [0.0, *found.multipliers_apr.values()]
    return max([*rates, sum(prices), 1e-9]) * max([1.0, *found.amounts_usd])


@settings(deadline=None, max_examples=200)
@given(wild_cases())
def test_nothing_can_be_better_by_more_than_rounding(case: tuple[list[Vessel], list[Group]]) -> None:
    vessels, groups = case
    found = water_fill(vessels, groups)
    assert found.success, found.reason
    assert found.kkt_residual_frac <= 1e-6
    assert duality_gap(vessels, groups, found) <= 1e-6 * scale_of(vessels, found)


@settings(deadline=None, max_examples=200)
@given(wild_cases())
def test_no_limit_is_ever_exceeded(case: tuple[list[Vessel], list[Group]]) -> None:
    vessels, groups = case
    found = water_fill(vessels, groups)
    for pool, amount in zip(vessels, found.amounts_usd, strict=True):
        assert 0.0 <= amount <= pool.cap_usd
    for group in groups:
        assert math.fsum(found.amounts_usd[row] for row in group.rows) <= group.limit_usd * (1 + 1e-11)


@pytest.mark.parametrize("seed", range(25))
def test_it_equals_what_a_general_optimiser_finds(seed: int) -> None:
    vessels, groups = random_case(np.random.default_rng(seed), pools=2 + seed % 3, overlapping=seed % 4)
    found = water_fill(vessels, groups)
    mine, theirs = total_worth(vessels, found.amounts_usd), best_by_slsqp(vessels, groups)
    assert math.isfinite(theirs)
    assert mine >= theirs - 1e-9 * abs(theirs)
    assert mine == pytest.approx(theirs, rel=1e-5)


@pytest.mark.parametrize("seed", range(60))
def test_markets_with_many_pools_and_limits_are_solved_to_rounding(seed: int) -> None:
    vessels, groups = random_case(np.random.default_rng(1000 + seed), pools=12, overlapping=6)
    found = water_fill(vessels, groups)
    assert found.success
    assert found.kkt_residual_frac <= 1e-9
    assert duality_gap(vessels, groups, found) <= 1e-8 * scale_of(vessels, found)


def test_it_beats_every_point_of_a_fine_grid() -> None:
    pools = [
        replace(SMALL[0], held_usd=4e4, entry_apr=0.02, exit_apr=0.03),
        replace(SMALL[1], held_usd=1e4, entry_apr=0.05, exit_apr=0.01),
        replace(SMALL[2], cap_usd=2e4),
    ]
    groups = [capital(pools, 1e5), Group(name="share", rows=(0, 2), limit_usd=5e4)]
    steps = 50
    found = total_worth(pools, water_fill(pools, groups).amounts_usd)
    points = (tuple(1e5 * k / steps for k in shares) for shares in itertools.product(range(steps + 1), repeat=3))
    best = max(
        total_worth(pools, amounts)
        for amounts in points
        if sum(amounts) <= 1e5 and amounts[2] <= 2e4 and amounts[0] + amounts[2] <= 5e4
    )
    assert best <= found <= best * 1.01


def test_prices_say_what_one_more_dollar_of_a_limit_brings() -> None:
    pools = [replace(pool, pool_id=name) for name, pool in zip("abcd", [*SMALL, SMALL[0]], strict=True)]
    pools[2] = replace(pools[2], cap_usd=2e3, cap_name="exit_capacity")
    share = Group(name="share", rows=(0, 1), limit_usd=6e4)
    found = water_fill(pools, [capital(pools, 1e5), share])
    assert set(found.multipliers_apr) == {"capital", "share", "exit_capacity c"}

    def brings(pools: list[Vessel], limit: float, share: Group) -> float:
        more = water_fill(pools, [capital(pools, limit), share]).amounts_usd
        return total_worth(pools, more) - total_worth(pools, found.amounts_usd)

    assert brings(pools, 1e5 + 1, share) == pytest.approx(found.multipliers_apr["capital"], rel=1e-3)
    assert brings(pools, 1e5, replace(share, limit_usd=6e4 + 1)) == pytest.approx(
        found.multipliers_apr["share"], rel=1e-3
    )
    wider = [*pools[:2], replace(pools[2], cap_usd=2e3 + 1), pools[3]]
    assert brings(wider, 1e5, share) == pytest.approx(found.multipliers_apr["exit_capacity c"], rel=1e-3)


@settings(deadline=None, max_examples=60)
@given(wild_vessels, st.floats(0, 1e6), st.floats(0, 1e6))
def test_more_capital_is_less_in_no_pool(vessels: list[Vessel], limit: float, more: float) -> None:
    first, second = fill(vessels, limit).amounts_usd, fill(vessels, limit + more).amounts_usd
    assert all(b >= a - 1e-9 * max(1.0, limit) for a, b in zip(first, second, strict=True))


@settings(deadline=None, max_examples=60)
@given(wild_cases(), st.sampled_from([1e-3, 0.5, 7.0, 1e4]))
def test_everything_a_thousand_times_larger_is_shared_out_alike(
    case: tuple[list[Vessel], list[Group]], factor: float
) -> None:
    vessels, groups = case
    larger = [
        replace(
            pool,
            fees_usd=pool.fees_usd * factor,
            active_usd=pool.active_usd * factor,
            cap_usd=pool.cap_usd * factor,
            held_usd=pool.held_usd * factor,
        )
        for pool in vessels
    ]
    wider = [replace(group, limit_usd=group.limit_usd * factor) for group in groups]
    first, second = water_fill(vessels, groups), water_fill(larger, wider)
    assert total_worth(larger, second.amounts_usd) / factor == pytest.approx(
        total_worth(vessels, first.amounts_usd), rel=1e-6, abs=1e-6 * scale_of(vessels, first)
    )


@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_pools_and_limits_does_not_matter(seed: int) -> None:
    random = np.random.default_rng(200 + seed)
    vessels, groups = random_case(random, pools=7, overlapping=4)
    order = [int(row) for row in random.permutation(7)]
    place = {row: number for number, row in enumerate(order)}
    moved = [replace(group, rows=tuple(place[row] for row in group.rows), most=3) for group in groups[::-1]]
    first = water_fill(vessels, [replace(group, most=3) for group in groups])
    second = water_fill([vessels[row] for row in order], moved)
    assert [second.amounts_usd[place[row]] for row in range(7)] == pytest.approx(first.amounts_usd, rel=1e-9, abs=1e-6)
    assert second.multipliers_apr == pytest.approx(first.multipliers_apr, rel=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_a_pool_that_pays_more_never_gets_less(seed: int) -> None:
    random = np.random.default_rng(300 + seed)
    vessels, groups = random_case(random, pools=6, overlapping=3)
    row = int(random.integers(6))
    last = -1.0
    for factor in (0.5, 0.8, 1.0, 1.01, 1.5, 3.0, 10.0):
        richer = [*vessels]
        richer[row] = replace(vessels[row], fees_usd=vessels[row].fees_usd * factor)
        amount = water_fill(richer, groups).amounts_usd[row]
        assert amount >= last - 1e-9 * CAPITAL
        last = amount


def test_capital_that_would_lose_money_stays_out() -> None:
    assert fill([vessel(1e3, 1e7, lvr=0.05)], 1e5).amounts_usd == (0.0,)
    found = fill([vessel(1e5, 1e6, lvr=0.05)], 1e7)
    assert 0 < found.placed_usd < 1e7
    assert found.multipliers_apr == {}


def test_capital_is_spread_although_one_pool_pays_most() -> None:
    # The reference put everything into the pool with the highest yield.
    found = fill([vessel(3e5, 1e6), vessel(2e5, 1e6), vessel(1e5, 1e6)], 1e6)
    assert sorted(found.amounts_usd, reverse=True) == list(found.amounts_usd)
    assert found.amounts_usd[2] > 0


# Within the no-trade region.


@settings(deadline=None, max_examples=100)
@given(wild_cases())
def test_once_capital_is_where_it_should_be_it_stays_to_the_last_bit(case: tuple[list[Vessel], list[Group]]) -> None:
    vessels, groups = case
    costly = [replace(pool, entry_apr=pool.entry_apr + 1e-3, exit_apr=pool.exit_apr + 1e-3) for pool in vessels]
    first = water_fill(costly, groups).amounts_usd
    settled = [replace(pool, held_usd=amount) for pool, amount in zip(costly, first, strict=True)]
    assert water_fill(settled, groups).amounts_usd == first


def held_pair(first: float, second: float, *, cost: float = 0.05) -> list[Vessel]:
    """Two equal pools that hold all capital, each dollar moved at a cost."""
    return [
        replace(vessel(fees, 1e6), held_usd=5e4, entry_apr=cost, exit_apr=cost, pool_id=name)
        for name, fees in (("a", first), ("b", second))
    ]


def test_a_small_change_of_yields_moves_nothing_and_a_large_one_does() -> None:
    slope = held_pair(2e5, 2e5)[0].marginal_apr(5e4)
    for rise in (0.0, 0.1, 0.9):
        # The other pool's marginal may be better by both costs of moving before a dollar moves.
        richer = held_pair(2e5 * (1 + rise * 0.1 / (slope + 0.08)), 2e5)
        assert richer[0].marginal_apr(5e4) - slope <= 0.1
        assert fill(richer, 1e5).amounts_usd == (5e4, 5e4)
    moved = fill(held_pair(3e5, 2e5), 1e5).amounts_usd
    assert moved[0] > 5e4 > moved[1]
    free = fill(held_pair(3e5, 2e5, cost=0.0), 1e5).amounts_usd
    assert free[0] > moved[0]


def test_a_pool_that_loses_is_left_only_if_leaving_costs_less() -> None:
    losing = replace(vessel(1e3, 1e6, lvr=0.05), held_usd=1e4)
    loss = -losing.marginal_apr(1e4)
    assert loss > 0
    assert fill([replace(losing, exit_apr=loss * 1.01)], 1e4).amounts_usd == (1e4,)
    assert fill([replace(losing, exit_apr=loss * 0.99)], 1e4).amounts_usd[0] < 1e4


def test_a_dead_pool_gives_up_only_what_another_one_takes() -> None:
    dead = replace(vessel(0.0, 1e6, lvr=0.0), held_usd=6e4, exit_apr=0.05)
    live = vessel(3e4, 1e6)
    found = fill([dead, live], 6e4)
    assert found.amounts_usd[1] == pytest.approx(live.capital_at(0.05), rel=1e-6)
    assert math.fsum(found.amounts_usd) == pytest.approx(6e4, rel=1e-12)
    assert found.multipliers_apr["capital"] == pytest.approx(0.05, rel=1e-6)


def test_a_limit_is_met_where_income_is_so_linear_that_no_price_tells_dollars_apart() -> None:
    # Between two neighbouring floats the price lets go of everything that is held.
    flat = Vessel(
        pool_id="p",
        fees_usd=1.0,
        active_usd=5e7,
        times=1.0,
        lvr_apr=0.0,
        held_frac=0.25,
        cap_usd=math.inf,
        held_usd=1.0,
        exit_apr=1.0,
    )
    found = fill([flat, replace(flat, fees_usd=0.0, held_usd=0.0, exit_apr=0.0)], 0.5)
    assert found.success
    assert found.amounts_usd == (pytest.approx(0.5, rel=1e-9), 0.0)


def test_parts_that_cost_nothing_to_move_are_not_told_apart_at_what_is_held() -> None:
    linear = replace(vessel(4.8e4, 1.7e6, times=33.0), held_usd=0.15)
    rich = replace(vessel(1.9e8, 3.6e7, times=112.0), cap_usd=6.0)
    groups = [
        capital([linear, rich], 13.0),
        Group(name="one", rows=(1,), limit_usd=0.33),
        Group(name="both", rows=(0, 1), limit_usd=0.42),
    ]
    found = water_fill([linear, rich], groups)
    assert found.success
    assert found.amounts_usd == (pytest.approx(0.09), pytest.approx(0.33))


def test_without_costs_what_is_held_does_not_matter() -> None:
    plain = fill(SMALL, 1e5).amounts_usd
    held = fill([replace(pool, held_usd=3e4) for pool in SMALL], 1e5).amounts_usd
    assert held == pytest.approx(plain, rel=1e-9)


# How many pools.


@settings(deadline=None, max_examples=60)
@given(wild_vessels, st.floats(0, 1e6), st.integers(0, 3))
def test_no_more_pools_than_allowed_get_capital(vessels: list[Vessel], limit: float, most: int) -> None:
    found = fill(vessels, limit, most)
    assert found.success
    assert sum(amount > 0 for amount in found.amounts_usd) <= most


def test_leaving_pools_out_one_by_one_comes_near_the_best_of_all_sets() -> None:
    random = np.random.default_rng(7)
    ratios = []
    for _ in range(60):
        vessels, _ = random_case(random, pools=6, overlapping=0)
        empty = [replace(pool, held_usd=0.0) for pool in vessels]
        most = int(random.integers(1, 4))
        best = best_of_subsets(empty, CAPITAL, most)
        mine = total_worth(empty, fill(empty, CAPITAL, most).amounts_usd)
        assert mine <= best * (1 + 1e-9)
        ratios.append(mine / best if best > 0 else 1.0)
    assert min(ratios) > 0.9
    assert np.mean(np.array(ratios) > 1 - 1e-9) > 0.9


def test_leaving_pools_out_one_by_one_can_miss_one_that_replaces_two() -> None:
    figures = ((51.0, 79_200.0), (5.0, 1_900.0), (6.0, 1_900.0))
    pools = [vessel(fees, active, times=1.0, lvr=0.0) for fees, active in figures]
    assert fill(pools, 1e4, 2).amounts_usd[0] == 0
    mine = total_worth(pools, fill(pools, 1e4, 1).amounts_usd)
    best = best_of_subsets(pools, 1e4, 1)
    assert best == pytest.approx(worth(pools[0], 1e4))
    assert 0.85 * best < mine < 0.95 * best


def test_pools_are_chosen_by_what_they_bring_not_by_their_first_dollar() -> None:
    tempting, deep = vessel(200.0, 1e3, times=1, lvr=0), vessel(1e5, 1e6, times=1, lvr=0)
    assert tempting.marginal_apr(0) > deep.marginal_apr(0)
    found = fill([tempting, deep], 1e5, 1)
    assert found.amounts_usd == (0.0, pytest.approx(1e5))
    assert found.left_out == {0: "max_positions"}


def test_a_position_too_small_to_be_worth_it_is_left_out_and_its_capital_goes_elsewhere() -> None:
    pools = [vessel(3e5, 1e7), replace(vessel(3e5, 1e7), cap_usd=900.0)]
    small = [replace(pool, least_usd=1e3) for pool in pools]
    assert fill(pools, 1e5).amounts_usd[1] == 900.0
    found = fill(small, 1e5)
    assert found.amounts_usd == (pytest.approx(1e5), 0.0)
    assert found.left_out == {1: "least"}


# Bad input.


def test_no_pools_are_no_allocation_and_no_error() -> None:
    found = water_fill([], [])
    assert (found.success, found.amounts_usd) == (False, ())
    assert "no pools" in found.reason


def test_pools_without_liquidity_room_or_income_get_nothing() -> None:
    dry = vessel(1e5, 0.0)
    shut = replace(vessel(1e5, 1e6), cap_usd=0.0, pool_id="shut", cap_name="max_pool_share")
    dead = vessel(0.0, 1e6)
    found = fill([dry, shut, dead], 1e5)
    assert found.success
    assert found.amounts_usd == (0.0, 0.0, 0.0)
    assert found.multipliers_apr == {"max_pool_share shut": pytest.approx(shut.marginal_apr(0.0))}


def test_a_limit_of_nothing_closes_its_pools_and_says_so() -> None:
    found = water_fill(SMALL, [capital(SMALL, 1e5), Group(name="share", rows=(0, 1), limit_usd=0.0)])
    assert found.success
    assert found.amounts_usd == (0.0, 0.0, pytest.approx(1e5))
    assert found.multipliers_apr["share"] > 0
    assert fill(SMALL, 0.0).amounts_usd == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("limit", [-1.0, float("nan")])
def test_capital_that_is_none_is_refused(limit: float) -> None:
    with pytest.raises(InvalidInput, match="capital"):
        fill(SMALL, limit)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("fees_usd", float("nan")),
        ("fees_usd", -1.0),
        ("active_usd", float("inf")),
        ("times", 0.0),
        ("lvr_apr", float("nan")),
        ("held_frac", 1.1),
        ("cap_usd", float("nan")),
        ("held_usd", -1.0),
        ("entry_apr", float("nan")),
        ("exit_apr", -0.1),
    ],
)
def test_a_figure_that_is_none_is_refused_with_the_pool(field: str, value: float) -> None:
    bad = replace(vessel(1e5, 1e6), pool_id="8453:0xbad", **{field: value})
    with pytest.raises(InvalidInput, match=f"8453:0xbad: {field}"):
        fill([SMALL[0], bad], 1e5)


def test_unbounded_capital_is_refused() -> None:
    with pytest.raises(InvalidInput, match="bounds"):
        water_fill(SMALL, [])
    with pytest.raises(InvalidInput, match="bounds"):
        fill(SMALL, math.inf)
