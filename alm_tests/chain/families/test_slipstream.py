"""Slipstream (contracts with Aerodrome's ABI): pools by tick spacing, a fee of the factory's, staked liquidity."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from alm_core.model.pools import Pool
from alm_localnet.contracts import calldata
from alm_localnet.dexes.slipstream import LocalSlipstream
from alm_localnet.dexes.v3_shape import answer_of
from alm_resources.dex.slipstream import SlipstreamAdapter
from alm_tests.chain.dex_chain import WRAPPED
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
MINT = "mint((address,address,int24,int24,int24,uint256,uint256,uint256,uint256,address,uint256,uint160))"
SPACING = 100
GAUGE = "0x" + "6a" * 20
"""An account that plays the gauge: what it may do is all that matters here."""


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[V3World]:
    contracts, key = contracts_of("aero-v3", 8453), key_of(tick_spacing=SPACING)
    world = v3_world(tmp_path_factory.mktemp("slipstream"), LocalSlipstream(), SlipstreamAdapter(), contracts, key)
    yield world
    world.chain.stop()


@pytest.fixture
def world(standing: V3World) -> Iterator[V3World]:
    snapshot = standing.chain.rpc.call("evm_snapshot")
    yield standing
    standing.chain.rpc.call("evm_revert", snapshot)


def governed(world: V3World, signature: str, *values: object) -> None:
    world.chain.rpc.transact(world.chain.trader, world.usd_eth.factory, calldata(signature, *values))


def with_gauge(world: V3World, pool: Pool) -> None:
    """Give the pool a gauge that is alive."""
    rpc, chain = world.chain.rpc, world.chain
    given = calldata("setGaugeAndPositionManager(address,address)", GAUGE, pool.position_manager)
    rpc.transact(chain.trader, pool.address, given)
    rpc.call("anvil_impersonateAccount", GAUGE)
    rpc.call("anvil_setBalance", GAUGE, hex(10**20))


@pytest.mark.parametrize("side", ["around", "above", "below"])
@pytest.mark.parametrize("name", ["usd_eth", "eth_btc"])
def test_a_position_pays_what_is_read_all_its_life(world: V3World, name: str, side: str) -> None:
    live_a_whole_life(world, name, side)


def test_holders_of_one_range_are_read_to_the_unit(world: V3World) -> None:
    share_a_range_to_the_unit(world)


def test_minima_hold_in_the_interval_and_stop_beyond_it(world: V3World) -> None:
    pass_at_both_ends_and_stop_beyond(world, "^.*(PS|Price slippage check)", "revert")


def test_a_position_that_somebody_else_opened_is_found_and_closed(world: V3World) -> None:
    pool = world.usd_eth
    state = world.chain.state(pool)
    words = (pool.token0.address, pool.token1.address, SPACING, *ticks(state, "around"), *amounts(state), 0, 0)
    adopt(world, "usd_eth", calldata(MINT, (*words, world.chain.wallet, FOREVER_S, 0)))


def test_the_fee_is_the_factorys_of_now(world: V3World) -> None:
    pool, chain = world.usd_eth, world.chain
    asked = answer_of(chain.rpc, pool.factory, "getSwapFee(address)", pool.address, output="uint24")
    assert pool.fee_pips is None
    assert chain.state(pool).fee_pips == asked > 0
    LocalSlipstream().set_fee(chain.rpc, chain.trader, chain.contracts, pool.address, 1234)
    assert chain.state(pool).fee_pips == 1234
    LocalSlipstream().set_fee(chain.rpc, chain.trader, chain.contracts, pool.address, 0)
    assert chain.state(pool).fee_pips == 0


def test_generations_of_the_deployment_are_kept_apart(world: V3World) -> None:
    """Each has its factory and position manager; tokens and spacing are the same."""
    chain, pool, later = world.chain, world.usd_eth, contracts_of("aero-v3.2", 8453)
    chain.dex.install(chain.rpc, chain.trader, chain.code, later, WRAPPED)
    key = replace(world.key, token0=pool.token0.address, token1=pool.token1.address)
    address = chain.dex.create_pool(chain.rpc, chain.trader, later, key, chain.state(pool).sqrt_price_x96)
    second = replace(pool, address=address, factory=later["factory"], position_manager=later["position_manager"])
    chain.provide(second, -880_000, 880_000, 10**18)
    assert f"factory is {later['factory'].lower()}" in refused(world, replace(pool, address=address))
    manager = replace(second, position_manager=pool.position_manager)
    assert "factory of the position manager is" in refused(world, manager)
    first = world.opened(pool)
    other = world.opened(second)
    assert chain.positions(pool) == (first,)
    assert chain.positions(second) == (other,)
    assert {one.pool_id for one in chain.positions(pool, second)} == {pool.pool_id, second.pool_id}


def test_a_pool_without_a_gauge_leaves_all_fees_to_its_positions(world: V3World) -> None:
    state = world.chain.state(world.usd_eth)
    assert (state.protocol_fee_frac0, state.protocol_fee_frac1) == (0.0, 0.0)


def test_next_to_staked_liquidity_a_position_in_the_wallet_earns_what_is_read(world: V3World) -> None:
    """The staked part of each fee and a tenth of ours go to the gauge; growth is what is left for ours."""
    pool, chain = world.usd_eth, world.chain
    ours = world.opened(pool)
    theirs = world.opened(pool, owner=chain.other)
    with_gauge(world, pool)
    state = chain.state(pool)
    assert (state.protocol_fee_frac0, state.protocol_fee_frac1) == (0.1, 0.1)
    stake = "stake(int128,int24,int24,bool)"
    range_ = theirs.tick_lower, theirs.tick_upper
    chain.rpc.transact(GAUGE, pool.address, calldata(stake, theirs.liquidity, *range_, True))
    staked = answer_of(chain.rpc, pool.address, "stakedLiquidity()", output="uint128")
    assert staked == theirs.liquidity
    assert chain.state(pool).liquidity > staked
    world.trade_both_ways(pool, 2)
    earned = world.only(pool)
    assert (earned.fees0, earned.fees1) == world.static_collect(pool, ours.token_id, chain.wallet)
    assert min(earned.fees0, earned.fees1) > 0
    world.close(pool, earned)


def test_the_part_for_the_gauge_follows_governance(world: V3World) -> None:
    with_gauge(world, world.usd_eth)
    governed(world, "setDefaultUnstakedFee(uint24)", 250_000)
    state = world.chain.state(world.usd_eth)
    assert (state.protocol_fee_frac0, state.protocol_fee_frac1) == (0.25, 0.25)
    position = world.opened(world.usd_eth)
    world.trade_both_ways(world.usd_eth)
    earned = world.only(world.usd_eth)
    assert (earned.fees0, earned.fees1) == world.static_collect(world.usd_eth, position.token_id, world.chain.wallet)


def test_other_pools_than_the_registrys_are_refused(world: V3World) -> None:
    pool = world.usd_eth
    assert "tick spacing is 100, registry says 200" in refused(world, replace(pool, tick_spacing=200))
    assert "token1 is" in refused(world, replace(pool, token1=world.btc))
    assert "slot0() fails" in refused(world, replace(pool, address=pool.factory))
    assert "factory() fails" in refused(world, replace(pool, position_manager=world.usd.address))


def test_the_burned_id_reverts_as_the_layout_says(world: V3World) -> None:
    pool = world.usd_eth
    position = world.opened(pool)
    world.close(pool, position)
    revert = world.revert_of(pool.position_manager, calldata("positions(uint256)", position.token_id))
    assert revert == SlipstreamAdapter.layout.burned(position.token_id)
