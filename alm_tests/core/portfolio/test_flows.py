"""Flow between two readings: growth modulo 2^256, protocol parts, and what makes a flow inexact or impossible."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alm_core.math.tick import Q128, UINT256_MAX
from alm_core.model.errors import InvalidInput
from alm_core.model.market import PoolState
from alm_core.portfolio.flows import PoolFlow, interval_flow
from alm_tests.core.forces.tapes import END_AT
from alm_tests.core.portfolio.scene import Scene

BEFORE: PoolState = Scene().snapshot(END_AT - timedelta(minutes=15)).pools[0]
LATER = Scene().snapshot(END_AT).pools[0].block


def reading(growth0: int = 0, growth1: int = 0, **changes: Any) -> PoolState:
    """A later reading of the same pool, grown by so much."""
    grown = {
        "fee_growth_global0_x128": (BEFORE.fee_growth_global0_x128 + growth0) & UINT256_MAX,
        "fee_growth_global1_x128": (BEFORE.fee_growth_global1_x128 + growth1) & UINT256_MAX,
    }
    return replace(BEFORE, **({"block": LATER} | grown | changes))


def flow_to(after: PoolState, before: PoolState = BEFORE) -> PoolFlow:
    flow = interval_flow(before, after)
    assert flow is not None
    return flow


def growth_of(fees: int, liquidity: int = BEFORE.liquidity) -> int:
    """Growth that pays so much to a liquidity, rounded up so that the floor of the product gives it back."""
    return -(-fees * Q128 // liquidity)


def test_growth_times_liquidity_are_the_fees_and_fees_over_the_rate_the_volume() -> None:
    flow = flow_to(reading(growth_of(5_000), growth_of(7_000_000)))
    assert (flow.fees0, flow.fees1) == (5_000, 7_000_000)
    assert BEFORE.fee_pips == 500
    assert (flow.volume0, flow.volume1) == (10_000_000, 14_000_000_000)
    assert (flow.seconds, flow.exact, flow.pool_id) == (900.0, True, BEFORE.pool.pool_id)


@given(st.integers(0, 10**30), st.integers(0, UINT256_MAX))
def test_a_counter_that_wraps_counts_on(fees: int, start: int) -> None:
    before = replace(BEFORE, fee_growth_global0_x128=start)
    after = reading(fee_growth_global0_x128=(start + growth_of(fees)) & UINT256_MAX)
    assert flow_to(after, before).fees0 == fees


@pytest.mark.parametrize("frac", [1 / 4, 1 / 6, 1 / 7, 0.1, 0.33, 0.32, 0.34])
def test_the_protocols_part_is_volume_but_no_fee_of_liquidity(frac: float) -> None:
    before = replace(BEFORE, protocol_fee_frac0=frac)
    volume = 4_200_000_000 * 10**6
    to_liquidity = round(volume * 500 / 10**6 * (1 - frac))
    flow = flow_to(reading(growth_of(to_liquidity), growth_of(1_000), protocol_fee_frac0=frac), before)
    assert flow.volume0 is not None
    assert abs(flow.volume0 - volume) <= 10**6 / 500 / (1 - frac)
    assert flow.volume1 == 2_000_000
    assert flow.exact


@given(st.integers(0, 10**24), st.integers(0, 10**24), st.integers(0, 9))
def test_flows_add_up_over_consecutive_intervals(first: int, second: int, parts: int) -> None:
    frac = 1 / parts if parts >= 4 else 0.0
    before = replace(BEFORE, protocol_fee_frac1=frac)
    middle = replace(
        reading(0, growth_of(first), protocol_fee_frac1=frac), block=replace(LATER, number=LATER.number - 1)
    )
    after = reading(0, growth_of(first) + growth_of(second), protocol_fee_frac1=frac)
    whole, halves = flow_to(after, before), (flow_to(middle, before), flow_to(after, middle))
    assert abs(whole.fees1 - sum(flow.fees1 for flow in halves)) <= 1
    assert whole.volume1 is not None
    rounding = 2 * 10**6 / 500 / (1 - frac) + 2
    assert abs(whole.volume1 - sum(flow.volume1 or 0 for flow in halves)) <= rounding


def test_a_change_of_liquidity_is_taken_by_its_mean_and_is_not_exact() -> None:
    flow = flow_to(reading(growth_of(1_000), 0, liquidity=3 * BEFORE.liquidity))
    assert flow.fees0 == 2_000
    assert not flow.exact


def test_a_change_of_the_fee_is_taken_by_its_mean_and_is_not_exact() -> None:
    flow = flow_to(reading(growth_of(1_000), 0, fee_pips=1_500))
    assert (flow.volume0, flow.exact) == (1_000_000, False)


@pytest.mark.parametrize(
    ("change", "exact"),
    [
        ({"tick": BEFORE.tick // 10 * 10}, True),
        ({"tick": BEFORE.tick // 10 * 10 + 9}, True),
        ({"tick": BEFORE.tick // 10 * 10 + 10}, False),
        ({"tick": BEFORE.tick // 10 * 10 - 1}, False),
        ({"protocol_fee_frac0": 0.25}, False),
        ({"protocol_fee_frac1": 0.25}, False),
    ],
)
def test_liquidity_can_only_have_changed_where_the_price_left_its_spacing(
    change: dict[str, float], exact: bool
) -> None:
    assert BEFORE.pool.tick_spacing == 10
    assert flow_to(reading(**change)).exact is exact


def test_without_a_fee_the_volume_is_unknown_and_not_zero() -> None:
    free = replace(BEFORE, fee_pips=0)
    flow = flow_to(reading(fee_pips=0), free)
    assert (flow.fees0, flow.volume0, flow.volume1) == (0, None, None)


def test_a_missing_reading_is_a_missing_flow() -> None:
    assert interval_flow(None, BEFORE) is None
    assert interval_flow(BEFORE, None) is None


@pytest.mark.parametrize(
    "after",
    [
        BEFORE,
        replace(BEFORE, block=replace(BEFORE.block, number=BEFORE.block.number - 1)),
        replace(BEFORE, block=replace(LATER, number=BEFORE.block.number)),
        replace(BEFORE, block=replace(LATER, block_at=BEFORE.block.block_at - timedelta(seconds=1))),
    ],
    ids=["the same", "earlier", "the same number", "an earlier time"],
)
def test_readings_that_are_not_in_order_are_refused_with_both_blocks(after: PoolState) -> None:
    with pytest.raises(InvalidInput, match=f"block {BEFORE.block.number} of .*: not later"):
        interval_flow(BEFORE, after)


def test_blocks_of_one_second_have_a_flow_without_duration() -> None:
    after = reading(growth_of(10), 0, block=replace(LATER, block_at=BEFORE.block.block_at))
    assert (flow_to(after).fees0, flow_to(after).seconds) == (10, 0.0)


def test_readings_of_two_pools_are_refused() -> None:
    other = Scene().snapshot(END_AT).pools[1]
    with pytest.raises(InvalidInput, match=f"{BEFORE.pool.pool_id} and {other.pool.pool_id}"):
        interval_flow(BEFORE, other)
