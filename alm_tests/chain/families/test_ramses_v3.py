"""Ramses V3 (contracts with its ABI): positions of ten fields, one in the pool for every token, fees for voters."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from eth_utils.crypto import keccak

from alm_localnet.contracts import calldata
from alm_localnet.dexes.ramses_v3 import LocalRamsesV3
from alm_localnet.dexes.v3_shape import answer_of
from alm_resources.dex.ramses_v3 import RamsesV3Adapter
from alm_tests.chain.families.v3_shaped import (
    FOREVER_S,
    V3World,
    adopt,
    amounts,
    contracts_of,
    key_of,
    live_a_whole_life,
    pass_at_both_ends_and_stop_beyond,
    refused,
    share_a_range_to_the_unit,
    ticks,
    v3_world,
)

pytestmark = pytest.mark.chain
MINT = "mint((address,address,int24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))"
SPACING = 10


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[V3World]:
    contracts, key = contracts_of("pharaoh-v3", 43114), key_of(tick_spacing=SPACING)
    world = v3_world(tmp_path_factory.mktemp("ramses"), LocalRamsesV3(), RamsesV3Adapter(), contracts, key)
    yield world
    world.chain.stop()


@pytest.fixture
def world(standing: V3World) -> Iterator[V3World]:
    snapshot = standing.chain.rpc.call("evm_snapshot")
    yield standing
    standing.chain.rpc.call("evm_revert", snapshot)


def error(signature: str) -> str:
    """How a custom error is told."""
    return f"0x{keccak(text=signature)[:4].hex()}"


@pytest.mark.parametrize("side", ["around", "above", "below"])
@pytest.mark.parametrize("name", ["usd_eth", "eth_btc"])
def test_a_position_pays_what_is_read_all_its_life(world: V3World, name: str, side: str) -> None:
    live_a_whole_life(world, name, side)


def test_holders_of_one_range_are_read_to_the_unit(world: V3World) -> None:
    share_a_range_to_the_unit(world)


def test_minima_hold_in_the_interval_and_stop_beyond_it(world: V3World) -> None:
    slippage = f"{error('Slippage()')}|{error('CheckSlippage()')}"
    pass_at_both_ends_and_stop_beyond(world, slippage, error("Old()"))


def test_a_position_that_somebody_else_opened_is_found_and_closed(world: V3World) -> None:
    pool = world.usd_eth
    state = world.chain.state(pool)
    words = (pool.token0.address, pool.token1.address, SPACING, *ticks(state, "around"), *amounts(state), 0, 0)
    adopt(world, "usd_eth", calldata(MINT, (*words, world.chain.wallet, FOREVER_S)))


def test_two_tokens_of_one_range_are_two_positions_in_the_pool(world: V3World) -> None:
    """What one collects does not touch the other's record in the pool."""
    pool, chain = world.usd_eth, world.chain
    first = world.opened(pool)
    second = world.opened(pool)
    assert (first.tick_lower, first.tick_upper) == (second.tick_lower, second.tick_upper)
    world.trade_both_ways(pool)
    before = {position.token_id: position for position in chain.positions(pool)}
    world.collect(pool, before[first.token_id])
    after = {position.token_id: position for position in chain.positions(pool)}
    assert (after[first.token_id].fees0, after[first.token_id].fees1) == (0, 0)
    assert after[second.token_id] == before[second.token_id]
    for token_id in (first.token_id, second.token_id):
        key = RamsesV3Adapter.layout.joint_key(pool, token_id, first.tick_lower, first.tick_upper)
        liquidity = answer_of(chain.rpc, pool.address, "positions(bytes32)", key, output="uint128")
        assert liquidity == before[token_id].liquidity


def test_the_voters_part_is_read_and_may_be_all_of_it(world: V3World) -> None:
    pool, chain = world.usd_eth, world.chain
    state = chain.state(pool)
    assert (state.protocol_fee_frac0, state.protocol_fee_frac1) == (0.05, 0.05)
    position = world.opened(pool)
    world.trade_both_ways(pool)
    earned = world.only(pool)
    assert (earned.fees0, earned.fees1) == world.static_collect(pool, position.token_id, chain.wallet)
    setter = calldata("setPoolFeeProtocol(address,uint24)", pool.address, 1_000_000)
    chain.rpc.transact(chain.trader, pool.factory, setter)
    assert chain.state(pool).protocol_fee_frac0 == 1.0
    world.trade_both_ways(pool)
    last = world.only(pool)
    assert (last.fees0, last.fees1) == (earned.fees0, earned.fees1)


def test_other_pools_than_the_registrys_are_refused(world: V3World) -> None:
    pool = world.usd_eth
    assert "tick spacing is 10, registry says 5" in refused(world, replace(pool, tick_spacing=5))
    assert "token1 is" in refused(world, replace(pool, token1=world.btc))
    assert "slot0() fails" in refused(world, replace(pool, address=pool.factory))
    assert "deployer() fails" in refused(world, replace(pool, position_manager=world.usd.address))
    other = replace(pool, contracts=(("deployer", "0x" + "de" * 20),))
    assert "deployer of the position manager is" in refused(world, other)


def test_the_burned_id_reverts_as_the_layout_says(world: V3World) -> None:
    pool = world.usd_eth
    position = world.opened(pool)
    world.close(pool, position)
    revert = world.revert_of(pool.position_manager, calldata("positions(uint256)", position.token_id))
    assert revert == RamsesV3Adapter.layout.burned(position.token_id)
