"""QuickSwap V3 (Algebra 1.0, published bytecode): no fee in the key, a fee that moves, packed keys of positions."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from alm_core.model.errors import PoolNotFound
from alm_core.model.market import Twap
from alm_localnet.contracts import calldata
from alm_localnet.dexes.algebra_v1 import LocalAlgebraV1
from alm_resources.dex.algebra_v1 import AlgebraV1Adapter
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
OPERATOR_FEE = "setCommunityFee(uint8,uint8)"


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[V3World]:
    folder = tmp_path_factory.mktemp("algebra_v1")
    world = v3_world(
        folder, LocalAlgebraV1(), AlgebraV1Adapter(), contracts_of("quickswap-v3", 137), key_of(tick_spacing=60)
    )
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


def test_the_fee_is_the_one_of_now_and_no_part_of_the_registry(world: V3World) -> None:
    pool = world.usd_eth
    assert pool.fee_pips is None
    first = world.chain.state(pool)
    for _ in range(6):
        wait(world, 3600)
        world.trade_both_ways(pool)
    later = world.chain.state(pool)
    assert first.fee_pips > 0
    assert later.fee_pips > first.fee_pips
    position = world.opened(pool)
    world.trade_both_ways(pool)
    earned = world.only(pool)
    assert (earned.fees0, earned.fees1) == world.static_collect(pool, position.token_id, world.chain.wallet)


def test_the_communitys_part_is_read_and_not_counted_as_ours(world: V3World) -> None:
    pool = world.usd_eth
    world.chain.rpc.transact(world.chain.trader, pool.address, calldata(OPERATOR_FEE, 150, 200))
    state = world.chain.state(pool)
    assert (state.protocol_fee_frac0, state.protocol_fee_frac1) == (0.15, 0.2)
    position = world.opened(pool)
    world.trade_both_ways(pool)
    earned = world.only(pool)
    assert (earned.fees0, earned.fees1) == world.static_collect(pool, position.token_id, world.chain.wallet)


@pytest.mark.parametrize(("age_s", "known"), [(WINDOW_S - 60, False), (WINDOW_S, True)])
def test_the_mean_price_comes_from_timepoints_once_they_reach_back(world: V3World, age_s: int, known: bool) -> None:
    pool = world.pool(world.usd, world.btc, 600.0, base_is_token0=False)
    wait(world, age_s)
    state = world.chain.state(pool)
    assert state.twap == (Twap(window_s=WINDOW_S, tick=state.tick) if known else None)


def test_other_pools_than_the_registrys_are_refused(world: V3World) -> None:
    pool = world.usd_eth
    assert "tick spacing is 60, registry says 10" in refused(world, replace(pool, tick_spacing=10))
    assert "token1 is" in refused(world, replace(pool, token1=world.btc))
    assert "globalState() fails" in refused(world, replace(pool, address=pool.factory))
    assert "factory() fails" in refused(world, replace(pool, position_manager=world.usd.address))


def test_a_copy_that_the_factory_does_not_know_is_refused(world: V3World) -> None:
    real, copy = world.usd_eth, replace(world.usd_eth, address="0x" + "77" * 20)
    rpc = world.chain.rpc
    rpc.call("anvil_setCode", copy.address, rpc.call("eth_getCode", real.address, "latest"))
    for slot in range(8):
        value = rpc.call("eth_getStorageAt", real.address, hex(slot), "latest")
        rpc.call("anvil_setStorageAt", copy.address, "0x" + f"{slot:064x}", value)
    with pytest.raises(PoolNotFound, match="pool of these tokens at the factory is"):
        world.chain.state(copy)


def test_the_burned_id_reverts_as_the_layout_says(world: V3World) -> None:
    pool = world.usd_eth
    position = world.opened(pool)
    world.close(pool, position)
    revert = world.revert_of(pool.position_manager, calldata("positions(uint256)", position.token_id))
    assert revert == AlgebraV1Adapter.layout.burned(position.token_id)
