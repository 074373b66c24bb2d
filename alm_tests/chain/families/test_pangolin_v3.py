"""Pangolin V3 (Elixir's published bytecode): Uniswap's functions, fee tiers of its own, pools behind proxies."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from alm_localnet.contracts import calldata
from alm_localnet.dexes.pangolin_v3 import LocalPangolinV3
from alm_resources.dex.uniswap_v3 import PangolinV3Adapter
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
MINT = "mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))"
FEE, SPACING = 8000, 200


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[V3World]:
    contracts, key = contracts_of("pangolin-v3", 43114), key_of(fee_pips=FEE, tick_spacing=SPACING)
    world = v3_world(tmp_path_factory.mktemp("pangolin"), LocalPangolinV3(), PangolinV3Adapter(), contracts, key)
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
    words = (pool.token0.address, pool.token1.address, FEE, *ticks(state, "around"), *amounts(state), 0, 0)
    adopt(world, "usd_eth", calldata(MINT, (*words, world.chain.wallet, FOREVER_S)))


def test_other_fees_and_spacings_than_the_registrys_are_refused(world: V3World) -> None:
    assert "fee is 8000, registry says 3000" in refused(world, replace(world.usd_eth, fee_pips=3000))
    assert "tick spacing is 200, registry says 60" in refused(world, replace(world.usd_eth, tick_spacing=60))


def test_the_burned_id_reverts_as_the_layout_says(world: V3World) -> None:
    pool = world.usd_eth
    position = world.opened(pool)
    world.close(pool, position)
    revert = world.revert_of(pool.position_manager, calldata("positions(uint256)", position.token_id))
    assert revert == PangolinV3Adapter.layout.burned(position.token_id)
