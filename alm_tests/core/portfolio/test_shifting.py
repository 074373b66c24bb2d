"""Shifts without a swap, and shifts to wider ranges."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from alm_core.execution.wallet_share import usable_amounts
from alm_core.math.orientation import range_bounds_at_ticks, sqrt_price_x96_from_price, to_float
from alm_core.math.ratio import TargetRange
from alm_core.math.tick import sqrt_price_x96_at_tick
from alm_core.math.zap import swap_for_ratio
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.decisions import DecisionKind, Target
from alm_core.model.market import MarketSnapshot, SwapCost
from alm_core.model.signals import RegimeState
from alm_core.portfolio.actions import case_of, target_of
from alm_core.portfolio.shifting import shifts
from alm_tests.core.forces.tapes import END_AT
from alm_tests.core.portfolio.deciding import FITTING, assert_sound, invested, line_of, plan, view_and_rules
from alm_tests.core.portfolio.scene import PRICE, Scene

LIMITS = LimitsConfig()


def dear_swaps(scene: Scene, cost_frac: float = 0.5) -> MarketSnapshot:
    """A snapshot in which a swap costs so much that none is worth it."""
    quote = SwapCost(chain_id=scene.chain_id, sold_usd=1e9, cost_frac=cost_frac, source="test")
    return replace(scene.snapshot(), swap_costs=(quote,))


def left_upwards(**changes: object) -> Scene:
    """A position that is all quote, and some base in the wallet."""
    return invested(**{"positions": ((1, 0, 1500.0, 1900.0, 28_000.0), FITTING[1]), "idle_base": 5.0, **changes})


def net_swap_usd(
    price: float, nav_usd: float, closed: set[int], opens: Sequence[Target], snapshot: MarketSnapshot
) -> float:
    """What the execution would swap before it places targets, in USD, once the positions are closed."""
    (holdings,) = snapshot.holdings
    pool = snapshot.pools[0].pool
    freed = [position for position in holdings.positions if position.token_id in closed]
    amount0 = holdings.balance(pool.token0.address) + sum(position.amount0 + position.fees0 for position in freed)
    amount1 = holdings.balance(pool.token1.address) + sum(position.amount1 + position.fees1 for position in freed)
    ranges = [
        TargetRange(
            sqrt_price_x96=snapshot.pool_state(target.pool_id).sqrt_price_x96,
            sqrt_lower_x96=sqrt_price_x96_at_tick(target.tick_lower),
            sqrt_upper_x96=sqrt_price_x96_at_tick(target.tick_upper),
            share_frac=target.share_frac,
        )
        for target in opens
    ]
    root = sqrt_price_x96_from_price(pool, price)
    capital1 = nav_usd * 10**6 if pool.base_is_token0 else nav_usd / price * 10**18
    usable0, usable1 = usable_amounts(amount0, amount1, ranges, sqrt_price_x96=root, capital1=capital1)
    swap = swap_for_ratio(usable0, usable1, ranges, sqrt_price_x96=root, fee_frac=0.0005)
    sell = pool.token0 if swap.zero_for_one else pool.token1
    return to_float(sell, swap.sell_amount) * (price if sell is pool.base else 1.0)


@pytest.mark.parametrize("base_is_token0", [True, False])
def test_where_swaps_are_too_dear_the_rest_of_one_token_goes_beside_the_price(base_is_token0: bool) -> None:
    scene = left_upwards(base_is_token0=base_is_token0)
    found = plan(scene, snapshot=dear_swaps(scene))
    assert found.decision.kind is DecisionKind.RS
    assert found.decision.reason.startswith("shift without swap")
    main, beside = found.opens
    assert [close.token_id for close in found.closes] == [1]
    assert main.pool_id == beside.pool_id == scene.pools[0].pool_id
    assert main.capital_usd + beside.capital_usd == pytest.approx(28_000, rel=1e-6)
    # 10,000 USD of base are about half of what the main range holds; the quote that is left waits below the price.
    assert main.capital_usd == pytest.approx(20_000, rel=0.03)
    lower, upper = range_bounds_at_ticks(scene.pools[0], main.tick_lower, main.tick_upper)
    assert lower < PRICE < upper
    beside_lower, beside_upper = range_bounds_at_ticks(scene.pools[0], beside.tick_lower, beside.tick_upper)
    assert beside_lower == pytest.approx(lower)
    assert PRICE * 0.998 < beside_upper < PRICE
    assert line_of(found, "shift without swap").cost_usd == pytest.approx(0.0, abs=0.1)
    assert_sound(found, dear_swaps(scene))


def test_base_that_is_left_waits_above_the_price() -> None:
    scene = invested(positions=((1, 0, 2100.0, 2500.0, 28_000.0),), idle_quote=10_000.0)
    found = plan(scene, snapshot=dear_swaps(scene), config=StrategyConfig(max_pool_share=1.0))
    _, beside = found.opens
    lower, upper = range_bounds_at_ticks(scene.pools[0], beside.tick_lower, beside.tick_upper)
    assert PRICE < lower < PRICE * 1.002
    assert upper > 2090.0


def test_where_swaps_are_cheap_all_of_it_is_shifted() -> None:
    found = plan(left_upwards(), config=StrategyConfig(idle_threshold_frac=1.0, pra_cost_multiple=1e9))
    assert found.decision.reason.startswith("shift ranges")
    assert line_of(found, "shift without swap").note.endswith("refused by lower_net")


def test_what_waits_beside_the_price_is_expected_to_earn_nothing() -> None:
    found = plan(left_upwards(), snapshot=dear_swaps(left_upwards()))
    assert found.opens[0].expected_apr > 0
    assert found.opens[1].expected_apr == 0


positions = st.tuples(st.integers(0, 1), st.floats(1000, 2200), st.floats(20, 1500), st.floats(500, 50_000))


@settings(max_examples=100, deadline=None)
@given(
    st.booleans(),
    st.floats(0.1, 30),
    st.floats(100, 60_000),
    st.lists(positions, min_size=1, max_size=3),
    st.floats(-0.004, 0.004),
)
def test_a_shift_without_swap_leaves_nothing_for_the_execution_to_swap(
    base_is_token0: bool, base: float, quote: float, drawn: list[tuple[int, float, float, float]], apart: float
) -> None:
    scene = Scene(
        base_is_token0=base_is_token0,
        idle_base=base,
        idle_quote=quote,
        positions=tuple((at, number, low, low + width, usd) for at, (number, low, width, usd) in enumerate(drawn)),
    )
    # The pools' price is not quite the independent one, as it never is.
    snapshot = replace(scene, price=PRICE * (1 + apart)).snapshot()
    view, rules = view_and_rules(scene, snapshot)
    found = [one for one in shifts(case_of(view, rules)) if one.name == "shift without swap"]
    if not found:
        event("no main range can be filled without a swap, or all of it")
        return
    (shift,) = found
    opens = tuple(target_of(view, opening) for opening in shift.opens)
    assert sum(target.capital_usd for target in opens) <= sum(held.usd.total for held in shift.closes) * (1 + 1e-9)
    closed = {held.position.token_id for held in shift.closes}
    swapped = net_swap_usd(scene.price, view.nav_usd, closed, opens, snapshot)
    assert swapped < LIMITS.min_swap_nav_frac * view.nav_usd * 0.01


def too_narrow(**changes: object) -> Scene:
    """A range that high volatility leaves within hours."""
    return invested(**{"positions": ((1, 0, 1990.0, 2010.0, 28_000.0), FITTING[1]), "sigma": 1.0, **changes})


def test_a_widening_regime_replaces_a_range_that_is_too_narrow_within_the_minimum_hold() -> None:
    hour_ago = END_AT - timedelta(hours=1)
    calm = plan(too_narrow(), last_rebalance_at=hour_ago)
    assert calm.decision.kind is DecisionKind.HOLD
    assert calm.decision.binding == "min_hold"
    found = plan(too_narrow(), last_rebalance_at=hour_ago, regime=RegimeState.WIDEN)
    assert found.decision.kind is DecisionKind.WIDEN
    assert [close.token_id for close in found.closes] == [1]
    lower, upper = range_bounds_at_ticks(Scene().pools[0], found.opens[0].tick_lower, found.opens[0].tick_upper)
    assert upper - lower > 180


def test_widening_must_pay_for_itself() -> None:
    found = plan(too_narrow(base_fee_gwei=20_000.0), regime=RegimeState.WIDEN)
    assert found.decision.kind is DecisionKind.HOLD
    assert line_of(found, "widen ranges").note.endswith("refused by rs_cost")


def test_a_widening_regime_does_not_touch_a_range_that_is_only_little_narrower() -> None:
    scene = invested(positions=((1, 0, 1920.0, 2080.0, 28_000.0), FITTING[1]))
    wider = replace(scene, width=0.045)
    assert plan(wider, regime=RegimeState.WIDEN).decision.binding == "nothing_to_do"


def test_a_range_that_is_too_wide_is_not_widened() -> None:
    scene = invested(positions=((1, 0, 1600.0, 2450.0, 28_000.0), FITTING[1]))
    found = plan(scene, regime=RegimeState.WIDEN, last_rebalance_at=END_AT - timedelta(hours=1))
    assert found.decision.kind is DecisionKind.HOLD
    assert found.decision.binding == "min_hold"


def test_of_two_shifts_that_do_not_both_pay_only_one_is_made() -> None:
    # The second position is so small that its own shift costs more than it brings.
    scene = invested(
        positions=((1, 0, 1500.0, 1900.0, 28_000.0), (2, 1, 1500.0, 1900.0, 10.0)),
        base_fee_gwei=30.0,
        fees_usd_day=(9e3, 9e3),
    )
    found = plan(scene, config=StrategyConfig(pra_cost_multiple=1e9))
    assert found.decision.kind is DecisionKind.RS
    assert [close.token_id for close in found.closes] == [1]


def test_a_position_where_it_would_be_placed_again_is_not_moved() -> None:
    """The price in the pool is outside the range wanted: closing and opening the same range changes nothing."""
    scene = invested(width=0.001, positions=((1, 0, PRICE * 0.999, PRICE * 1.001, 28_000.0),))
    moved = replace(scene, price=PRICE * 1.004).snapshot()
    found = plan(scene, snapshot=replace(moved, holdings=scene.snapshot().holdings))
    assert not found.closes
