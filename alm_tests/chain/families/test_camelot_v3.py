"""Camelot V3 (contracts with Algebra 1.9's ABI): a fee for each direction, one word more in ``globalState``."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from alm_core.model.errors import PoolNotFound
from alm_core.model.market import Twap
from alm_localnet.contracts import calldata
from alm_localnet.dexes.camelot_v3 import LocalCamelotV3
from alm_resources.dex.algebra_v1 import AlgebraV1Adapter, CamelotV3Adapter
from alm_resources.dex.uniswap_v3.oracle import WINDOW_S
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
    wait,
)

pytestmark = pytest.mark.chain
MINT = "mint((address,address,int24,int24,uint256,uint256,uint256,uint256,address,uint256))"
SPACING = 10


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[V3World]:
    contracts, key = contracts_of("camelot-v3", 42161), key_of(tick_spacing=SPACING, fee_pips=500)
    world = v3_world(tmp_path_factory.mktemp("camelot"), LocalCamelotV3(), CamelotV3Adapter(), contracts, key)
    yield world
    world.chain.stop()


@pytest.fixture
def world(standing: V3World) -> Iterator[V3World]:
    snapshot = standing.chain.rpc.call("evm_snapshot")
    yield standing
    standing.chain.rpc.call("evm_revert", snapshot)


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
    words = (pool.token0.address, pool.token1.address, *ticks(state, "around"), *amounts(state), 0, 0)
    adopt(world, "usd_eth", calldata(MINT, (*words, world.chain.wallet, FOREVER_S)))


def test_each_direction_pays_its_own_fee_and_the_state_tells_their_mean(world: V3World) -> None:
    pool, chain = world.usd_eth, world.chain
    LocalCamelotV3().set_fees(chain.rpc, chain.trader, pool.address, 10_000, 101)
    assert chain.state(pool).fee_pips == 5050
    position = world.opened(pool)
    state = chain.state(pool)
    start = state.sqrt_price_x96
    chain.move_price(pool, int(start * 0.999))
    chain.move_price(pool, start)
    earned = world.only(pool)
    assert (earned.fees0, earned.fees1) == world.static_collect(pool, position.token_id, chain.wallet)
    # The way back sells as much token1 as the way there sold token0, by value: fees are as the rates.
    fees0_in_token1 = earned.fees0 * start**2 / 2**192
    assert fees0_in_token1 / earned.fees1 == pytest.approx(10_000 / 101, rel=0.02)


def test_the_communitys_part_of_each_token_is_read(world: V3World) -> None:
    pool, chain = world.usd_eth, world.chain
    chain.rpc.transact(chain.trader, pool.address, calldata("setCommunityFee(uint8,uint8)", 50, 250))
    state = chain.state(pool)
    assert (state.protocol_fee_frac0, state.protocol_fee_frac1) == (0.05, 0.25)
    position = world.opened(pool)
    world.trade_both_ways(pool)
    earned = world.only(pool)
    assert (earned.fees0, earned.fees1) == world.static_collect(pool, position.token_id, chain.wallet)


@pytest.mark.parametrize(("age_s", "known"), [(WINDOW_S - 60, False), (WINDOW_S, True)])
def test_the_mean_price_comes_from_timepoints_once_they_reach_back(world: V3World, age_s: int, known: bool) -> None:
    pool = world.pool(world.usd, world.btc, 600.0, base_is_token0=False)
    wait(world, age_s)
    state = world.chain.state(pool)
    assert state.twap == (Twap(window_s=WINDOW_S, tick=state.tick) if known else None)


def test_it_is_not_read_as_quickswap_and_other_pools_are_refused(world: V3World) -> None:
    """Else the fee of one direction would pass for that of both, and what follows would shift by a word."""
    pool, chain = world.usd_eth, world.chain
    assert "tick spacing is 10, registry says 60" in refused(world, replace(pool, tick_spacing=60))
    assert "token1 is" in refused(world, replace(pool, token1=world.btc))
    block, quickswap = chain.block(), AlgebraV1Adapter()
    results = chain.chain.read_calls(quickswap.pool_calls(pool), block)
    with pytest.raises(PoolNotFound, match="answered 256 bytes that are not 7 words"):
        quickswap.read_pool(pool, results, block)


def test_the_burned_id_reverts_as_the_layout_says(world: V3World) -> None:
    pool = world.usd_eth
    position = world.opened(pool)
    world.close(pool, position)
    revert = world.revert_of(pool.position_manager, calldata("positions(uint256)", position.token_id))
    assert revert == CamelotV3Adapter.layout.burned(position.token_id)
