"""Amounts in the ratio of a range are used up by a deposit into its bins, whatever the active bin holds."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import hypothesis.strategies as st
from hypothesis import given

from alm_core.math.bin_ranges import bin_of_place, ticks_of_places
from alm_core.math.bin_spread import spread_over_bins
from alm_core.math.bins import sqrt_price_x128
from alm_core.math.composition import ratio_sqrt_price_x96
from alm_core.math.ratio import TargetRange
from alm_core.math.tick import Q96, sqrt_price_x96_at_tick, tick_at_sqrt_price_x96
from alm_core.model.market import ActiveBin, Block, PoolState
from alm_tests.core.math.strategies import make_pool

BLOCK = Block(chain_id=1, number=1, block_hash="0x01", block_at=datetime(2026, 11, 1, tzinfo=UTC))
PLENTY = 10**30


def state_of(step: int, place: int, part1: float, *, token0_is_x: bool) -> PoolState:
    """A pair whose active bin holds that part of its value in token1."""
    bin_id = bin_of_place(place, token0_is_x=token0_is_x)
    root = sqrt_price_x128(bin_id, step, token0_is_x=token0_is_x) >> 32
    active = ActiveBin(
        bin_id=bin_id,
        token0_is_x=token0_is_x,
        reserve0=int((1 - part1) * 10**24 * Q96 // root),
        reserve1=int(part1 * 10**24 * root // Q96),
        most_fee_pips=10_000,
    )
    return PoolState(
        pool=replace(make_pool(18, 18, base_is_token0=True), bin_step=step),
        block=BLOCK,
        sqrt_price_x96=root,
        tick=tick_at_sqrt_price_x96(root),
        liquidity=0,
        fee_pips=500,
        fee_growth_global0_x128=None,
        fee_growth_global1_x128=None,
        active_bin=active,
    )


def test_where_liquidity_is_continuous_the_price_tells_the_ratio() -> None:
    state = state_of(10, 5, 0.9, token0_is_x=True)
    assert ratio_sqrt_price_x96(replace(state, active_bin=None)) == state.sqrt_price_x96


@given(
    step=st.sampled_from([5, 10, 25, 100]),
    place=st.integers(-500, 500),
    below=st.integers(0, 30),
    above=st.integers(0, 30),
    part1=st.floats(0.05, 0.95),
    token0_is_x=st.booleans(),
)
def test_the_ratio_of_a_range_is_what_its_bins_take(
    step: int, place: int, below: int, above: int, part1: float, token0_is_x: bool
) -> None:
    state = state_of(step, place, part1, token0_is_x=token0_is_x)
    places = range(place - below, place + above + 1)
    lower, upper = (sqrt_price_x96_at_tick(tick) for tick in ticks_of_places(step, places))
    told = ratio_sqrt_price_x96(state)
    target = TargetRange(sqrt_price_x96=told, sqrt_lower_x96=lower, sqrt_upper_x96=upper)
    need0, need1 = (int(need * PLENTY) for need in target.need_per_liquidity(Decimal(told) / Q96))
    active = state.active_bin
    assert active is not None
    spread = spread_over_bins(
        [bin_of_place(one, token0_is_x=token0_is_x) for one in places],
        step,
        token0_is_x=token0_is_x,
        active_id=active.bin_id,
        composition=(active.reserve0, active.reserve1),
        amount0=need0,
        amount1=need1,
    )
    # Edges are told in whole ticks: half a tick of the narrower side's width is what does not fit.
    price = (state.sqrt_price_x96 / Q96) ** 2
    left = ((need0 - spread.amount0) * price + need1 - spread.amount1) / (need0 * price + need1)
    narrower = min(below + 1 - part1, above + part1) if min(below, above) else min(part1, 1 - part1)
    assert left < 0.75 / (step * narrower) + 2 * step / 10_000
