"""Fees and volume of an interval against swaps of known size in real pools."""

from collections.abc import Iterator

import pytest

from alm_core.model.errors import InvalidInput
from alm_core.model.market import PoolState
from alm_core.model.pools import Pool
from alm_core.portfolio.flows import PoolFlow, interval_flow
from alm_localnet.contracts import calldata
from alm_tests.chain.v3_chain import FACTORY, MANAGER, V3Chain

pytestmark = pytest.mark.chain

POOLS = ("usd_eth", "eth_btc")
PIPS = 10**6


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[V3Chain]:
    chain = V3Chain(tmp_path_factory.mktemp("flows"))
    yield chain
    chain.stop()


@pytest.fixture(autouse=True)
def _fresh(world: V3Chain) -> Iterator[None]:
    snapshot = world.rpc.call("evm_snapshot")
    yield
    world.rpc.call("evm_revert", snapshot)


def small_amounts(state: PoolState) -> tuple[int, int]:
    """Odd amounts of both tokens that move the price by a few hundredths of a bp."""
    reserve0 = state.liquidity * 2**96 // state.sqrt_price_x96
    reserve1 = state.liquidity * state.sqrt_price_x96 // 2**96
    return reserve0 // 300_007, reserve1 // 300_007


def swapped(world: V3Chain, pool: Pool, rounds: int, times: int = 1) -> tuple[list[int], list[int], PoolFlow]:
    """Swap to and fro; return what was sold of each token, and the flow between the readings around it."""
    before = world.state(pool)
    amounts = small_amounts(before)
    sold: tuple[list[int], list[int]] = ([], [])
    for number in range(rounds):
        for side in (0, 1):
            amount = amounts[side] * times + 7 * number
            world.swap(pool, amount, zero_for_one=side == 0)
            sold[side].append(amount)
    flow = interval_flow(before, world.state(pool))
    assert flow is not None
    return *sold, flow


def rounding(state: PoolState, steps: int) -> tuple[int, int]:
    """Units of fees that rounding may move, per token.

    Each step of a swap rounds its fee and its growth by less than a unit, and leaves to the fee what is too little to
    move the square root of the price by one unit.
    """
    unit0 = state.liquidity * 2**96 // state.sqrt_price_x96**2
    unit1 = state.liquidity // 2**96
    return steps * (unit0 + 2) + 1, steps * (unit1 + 2) + 1


def assert_volume(found: int | None, sold: int, fee_frac: float, fees_rounding: int) -> None:
    assert found is not None
    assert abs(found - sold) <= fees_rounding / fee_frac
    assert abs(found - sold) <= sold * 1e-6


@pytest.mark.parametrize("name", POOLS)
def test_fees_and_volume_are_those_of_the_swaps(world: V3Chain, name: str) -> None:
    pool: Pool = getattr(world, name)
    slack = rounding(world.state(pool), 5)
    sold0, sold1, flow = swapped(world, pool, 5)
    found = ((flow.fees0, flow.volume0, sold0), (flow.fees1, flow.volume1, sold1))
    for (fees, volume, sold), units in zip(found, slack, strict=True):
        assert abs(fees - sum(sold) * pool.fee_pips // PIPS) <= units
        assert_volume(volume, sum(sold), pool.fee_pips / PIPS, units)
    assert flow.exact
    assert flow.pool_id == pool.pool_id


def test_a_single_swap_has_a_flow_on_its_side_only_and_its_fee_to_the_unit(world: V3Chain) -> None:
    pool = world.usd_eth
    before = world.state(pool)
    amount = small_amounts(before)[0]
    world.swap(pool, amount, zero_for_one=True)
    flow = interval_flow(before, world.state(pool))
    assert flow is not None
    assert (flow.fees1, flow.volume1) == (0, 0)
    assert abs(flow.fees0 - amount * pool.fee_pips // PIPS) <= 1


@pytest.mark.parametrize("parts", [(4, 10), (0, 5), (6, 0)])
def test_the_protocols_part_is_not_paid_to_liquidity_and_is_in_the_volume(
    world: V3Chain, parts: tuple[int, int]
) -> None:
    pool = world.usd_eth
    owner = "0x" + world.rpc.call("eth_call", {"to": FACTORY, "data": "0x8da5cb5b"}, "latest")[-40:]
    world.rpc.call("anvil_impersonateAccount", owner)
    world.rpc.transact(owner, pool.address, calldata("setFeeProtocol(uint8,uint8)", *parts))
    state = world.state(pool)
    fracs = tuple(1 / part if part else 0.0 for part in parts)
    assert (state.protocol_fee_frac0, state.protocol_fee_frac1) == fracs
    sold0, sold1, flow = swapped(world, pool, 4)
    collected = world.rpc.call("eth_call", {"to": pool.address, "data": "0x1ad8b03b"}, "latest")[2:]
    slack = rounding(state, 4)
    for side, (fees, volume, sold) in enumerate(((flow.fees0, flow.volume0, sold0), (flow.fees1, flow.volume1, sold1))):
        protocol = int(collected[64 * side : 64 * (side + 1)], 16)
        assert (protocol > 0) == (fracs[side] > 0)
        assert abs(fees + protocol - sum(sold) * pool.fee_pips // PIPS) <= 2 * slack[side]
        assert_volume(volume, sum(sold), pool.fee_pips / PIPS * (1 - fracs[side]), 2 * slack[side])
    assert flow.exact


def test_large_swaps_over_constant_liquidity_are_right_and_not_called_exact(world: V3Chain) -> None:
    pool = world.usd_eth
    before = world.state(pool)
    amount = small_amounts(before)[0] * 10_000
    world.swap(pool, amount, zero_for_one=True)
    after = world.state(pool)
    flow = interval_flow(before, after)
    assert flow is not None
    assert abs(after.tick - before.tick) > 10 * pool.tick_spacing
    # A step per word of the tick bitmap.
    steps = abs(after.tick - before.tick) // (256 * pool.tick_spacing) + 2
    assert_volume(flow.volume0, amount, pool.fee_pips / PIPS, max(rounding(one, steps)[0] for one in (before, after)))
    assert not flow.exact


def test_liquidity_that_was_added_meanwhile_is_told(world: V3Chain) -> None:
    pool = world.usd_eth
    before = world.state(pool)
    low = (before.tick // pool.tick_spacing - 10) * pool.tick_spacing
    key = (pool.token0.address, pool.token1.address, pool.fee_pips)
    mint = "mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))"
    world.rpc.transact(
        world.trader,
        MANAGER,
        calldata(mint, (*key, low, low + 20 * pool.tick_spacing, 10**20, 10**20, 0, 0, world.trader, 2**40)),
    )
    flow = interval_flow(before, world.state(pool))
    assert flow is not None
    assert not flow.exact
    assert (flow.fees0, flow.fees1) == (0, 0)


def test_readings_of_one_block_have_no_flow_between_them(world: V3Chain) -> None:
    state = world.state(world.usd_eth)
    with pytest.raises(InvalidInput, match="not later"):
        interval_flow(state, state)
