"""Algebra Integral (published bytecode): pools of custom deployers as Blackhole's, and of the factory itself."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from eth_abi.abi import encode

from alm_core.model.market import Twap
from alm_core.model.pools import Pool
from alm_localnet.contracts import calldata
from alm_localnet.dexes.algebra_integral import LocalAlgebraIntegral
from alm_resources.dex.algebra_integral import AlgebraIntegralAdapter
from alm_resources.dex.algebra_integral.layout import CUSTOM_DEPLOYER
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
MINT = "mint((address,address,address,int24,int24,uint256,uint256,uint256,uint256,address,uint256))"
DEPLOYER_OF_SPACING_200 = "0x5D433A94A4a2aA8f9AA34D8D15692Dc2E9960584"
"""Blackhole's."""
PLUGIN = "0x" + "b1" * 20
FACTORY_ITSELF = "0x" + "00" * 20


@pytest.fixture(scope="module", params=["custom deployer", "factory"])
def standing(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[V3World]:
    contracts = contracts_of("blackhole-v3.200", 43114)
    assert contracts[CUSTOM_DEPLOYER] == DEPLOYER_OF_SPACING_200
    if request.param == "factory":
        del contracts[CUSTOM_DEPLOYER]
    folder = tmp_path_factory.mktemp("algebra_integral")
    world = v3_world(
        folder, LocalAlgebraIntegral(), AlgebraIntegralAdapter(), contracts, key_of(tick_spacing=200, fee_pips=400)
    )
    yield world
    world.chain.stop()


@pytest.fixture
def world(standing: V3World) -> Iterator[V3World]:
    snapshot = standing.chain.rpc.call("evm_snapshot")
    yield standing
    standing.chain.rpc.call("evm_revert", snapshot)


def deployer_of(world: V3World) -> str:
    return world.chain.contracts.get(CUSTOM_DEPLOYER, FACTORY_ITSELF)


@pytest.mark.parametrize("side", ["around", "above", "below"])
@pytest.mark.parametrize("name", ["usd_eth", "eth_btc"])
def test_a_position_pays_what_is_read_all_its_life(world: V3World, name: str, side: str) -> None:
    live_a_whole_life(world, name, side)


def test_holders_of_one_range_are_read_to_the_unit(world: V3World) -> None:
    share_a_range_to_the_unit(world)


def test_minima_hold_in_the_interval_and_stop_beyond_it(world: V3World) -> None:
    pass_at_both_ends_and_stop_beyond(world, "Price slippage check", "Transaction too old")


def test_a_position_that_somebody_else_opened_is_found_and_closed(world: V3World) -> None:
    pool = world.usd_eth
    state = world.chain.state(pool)
    key = (pool.token0.address, pool.token1.address, deployer_of(world))
    words = (*key, *ticks(state, "around"), *amounts(state), 0, 0)
    adopt(world, "usd_eth", calldata(MINT, (*words, world.chain.wallet, FOREVER_S)))


def without_deployer(pool: Pool) -> Pool:
    return replace(pool, contracts=tuple(entry for entry in pool.contracts if entry[0] != CUSTOM_DEPLOYER))


def with_deployer(pool: Pool, deployer: str) -> Pool:
    return replace(pool, contracts=tuple(sorted((*without_deployer(pool).contracts, (CUSTOM_DEPLOYER, deployer)))))


def test_a_pool_of_another_deployer_is_refused(world: V3World) -> None:
    other = with_deployer(world.usd_eth, "0x58b05074D52D1a84D8FfDAddA3c1b652e8C56994")
    assert "pool of these tokens and deployer at the factory is 0x000" in refused(world, other)
    if deployer_of(world) != FACTORY_ITSELF:
        assert "at the factory is 0x000" in refused(world, without_deployer(world.usd_eth))


def test_positions_of_another_deployers_pool_are_not_ours_to_manage(world: V3World) -> None:
    position = world.opened(world.usd_eth)
    state = world.chain.state(world.usd_eth)
    elsewhere = replace(state, pool=with_deployer(state.pool, "0x58b05074D52D1a84D8FfDAddA3c1b652e8C56994"))
    chain = world.chain
    assert chain.adapter.read_positions(chain.chain, [elsewhere], chain.wallet, state.block) == ()
    assert world.only(world.usd_eth) == position


def test_other_pools_than_the_registrys_are_refused(world: V3World) -> None:
    pool = world.usd_eth
    assert "tick spacing is 200, registry says 60" in refused(world, replace(pool, tick_spacing=60))
    assert "token1 is" in refused(world, replace(pool, token1=world.btc))
    assert "globalState() fails" in refused(world, replace(pool, address=pool.factory))


def test_the_fee_is_the_chains_and_without_a_plugin_there_is_no_mean_price(world: V3World) -> None:
    state = world.chain.state(world.usd_eth)
    assert (state.fee_pips, state.twap) == (400, None)


def test_a_plugin_that_keeps_an_oracle_is_asked_for_the_mean_price(world: V3World) -> None:
    """A contract that answers every call with the same timepoints plays the plugin; no hook of it is called."""
    pool, chain, adapter = world.usd_eth, world.chain, AlgebraIntegralAdapter()
    told = encode(("int56[]", "uint88[]"), ([-(10**9), -(10**9) - 1800 * 5 - 1], [7, 8]))
    code = bytes.fromhex(f"61{len(told):04x}600c5f3961{len(told):04x}5ff3") + told
    chain.rpc.call("anvil_setCode", PLUGIN, "0x" + code.hex())
    chain.rpc.transact(chain.trader, pool.address, calldata("setPlugin(address)", PLUGIN))
    block = chain.block()
    results = chain.chain.read_calls(adapter.pool_calls(pool), block)
    further = chain.chain.read_calls(adapter.further_calls(pool, results), block)
    assert adapter.read_pool(pool, (*results, *further), block).twap == Twap(window_s=1800, tick=-6)
    chain.rpc.call("anvil_setCode", PLUGIN, "0x5f5ffd")
    silent = chain.chain.read_calls(adapter.further_calls(pool, results), block)
    assert adapter.read_pool(pool, (*results, *silent), block).twap is None


def test_the_communitys_part_is_read_and_not_counted_as_ours(world: V3World) -> None:
    pool, chain = world.usd_eth, world.chain
    chain.rpc.transact(chain.trader, pool.address, calldata("setCommunityVault(address)", "0x" + "fe" * 20))
    chain.rpc.transact(chain.trader, pool.address, calldata("setCommunityFee(uint16)", 125))
    state = chain.state(pool)
    assert (state.protocol_fee_frac0, state.protocol_fee_frac1) == (0.125, 0.125)
    position = world.opened(pool)
    world.trade_both_ways(pool)
    earned = world.only(pool)
    assert (earned.fees0, earned.fees1) == world.static_collect(pool, position.token_id, chain.wallet)
    chain.rpc.transact(chain.trader, pool.address, calldata("setCommunityFee(uint16)", 1000))
    world.trade_both_ways(pool)
    assert world.only(pool) == replace(earned, amount0=world.only(pool).amount0, amount1=world.only(pool).amount1)
    assert chain.state(pool).protocol_fee_frac0 == 1.0


def test_the_burned_id_reverts_as_the_layout_says(world: V3World) -> None:
    pool = world.usd_eth
    position = world.opened(pool)
    world.close(pool, position)
    revert = world.revert_of(pool.position_manager, calldata("positions(uint256)", position.token_id))
    assert revert == AlgebraIntegralAdapter.layout.burned(position.token_id)
