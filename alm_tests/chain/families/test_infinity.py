"""PancakeSwap Infinity (own contracts with its ABI): keys of six words, a vault, a Permit2 of its own, ids by logs."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

from alm_core.math.tick import UINT128_MAX
from alm_core.model.errors import InvalidInput
from alm_core.model.pools import Pool
from alm_core.portfolio.flows import interval_flow
from alm_localnet.contracts import calldata
from alm_localnet.dexes.infinity import LocalInfinity
from alm_resources.dex.pancake_infinity import PancakeInfinityAdapter
from alm_resources.dex.uniswap_v4.layout import ZERO
from alm_tests.chain.dex_chain import with_fee
from alm_tests.chain.families import settled
from alm_tests.chain.families.v3_shaped import V3World, contracts_of, key_of, refused, ticks, v3_world

pytestmark = pytest.mark.chain

KEY = "(address,address,address,address,uint24,bytes32)"
HOOK = "0x00000000000000000000000000000000AbC00000"
POOLS, SIDES = ("usd_eth", "eth_btc"), ("around", "above", "below")


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[V3World]:
    key, contracts = key_of(fee_pips=3000, tick_spacing=60), contracts_of("pcs-v4", 56)
    world = v3_world(tmp_path_factory.mktemp("infinity"), LocalInfinity(), PancakeInfinityAdapter(), contracts, key)
    yield world
    world.chain.stop()


@pytest.fixture
def world(standing: V3World) -> Iterator[V3World]:
    snapshot = standing.chain.rpc.call("evm_snapshot")
    yield standing
    standing.chain.rpc.call("evm_revert", snapshot)


def key_of_pool(pool: Pool) -> tuple[Any, ...]:
    parameters = (pool.tick_spacing << 16).to_bytes(32, "big")
    return pool.token0.address, pool.token1.address, pool.hooks or ZERO, pool.factory, pool.fee_pips, parameters


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", POOLS)
def test_a_position_pays_what_is_read_all_its_life(world: V3World, name: str, side: str) -> None:
    settled.live_a_whole_life(world, name, side)


@pytest.mark.parametrize("factor", [0.9951, 1.0049])
@pytest.mark.parametrize("name", POOLS)
def test_a_mint_places_all_it_can_anywhere_in_the_interval(world: V3World, name: str, factor: float) -> None:
    settled.place_where_the_price_went(world, name, factor)


@pytest.mark.parametrize(("side", "factor"), [("around", 0.9945), ("around", 1.0056), ("above", 0.99), ("below", 1.01)])
def test_mints_and_burns_revert_where_the_price_left_the_interval(world: V3World, side: str, factor: float) -> None:
    settled.refuse_where_the_price_left(world, "usd_eth", side, factor)


def test_positions_are_found_however_they_came_and_none_that_left(world: V3World) -> None:
    settled.find_ids_whatever_happens(world, PancakeInfinityAdapter())


def test_rights_are_exact_and_end_and_are_not_those_of_uniswap(world: V3World) -> None:
    assert world.usd_eth.contract("permit2") == "0x31c2F6fcFf4F8759b3Bd5Bf0e1084A055615c768"
    settled.let_rights_end(world)


def test_plans_have_no_action_too_many(world: V3World) -> None:
    settled.plan_with_few_actions(world)


def mint_of(world: V3World, pool: Pool, lower: int, upper: int, liquidity: int, most0: int) -> bytes:
    """Parameters of MINT_POSITION, made here and not by the adapter."""
    return encode(
        [KEY, "int24", "int24", "uint256", "uint128", "uint128", "address", "bytes"],
        [key_of_pool(pool), lower, upper, liquidity, most0, UINT128_MAX, world.chain.wallet, b""],
    )


def test_a_position_that_somebody_else_opened_for_us_is_ours(world: V3World) -> None:
    pool = world.eth_btc
    at = ticks(world.chain.state(pool), "around")
    settled.adopt(world, pool, mint_of(world, pool, *at, 10**12, UINT128_MAX), 10**12, at)


def test_calls_are_refused_as_the_published_contracts_do(world: V3World) -> None:
    settled.refuse_as_the_real_one(
        world, lambda lower, upper, most0: mint_of(world, world.usd_eth, lower, upper, 10**15, most0)
    )


def test_what_the_manager_tells_of_a_position_is_what_is_read(world: V3World) -> None:
    pool, chain = world.usd_eth, world.chain
    opened = world.opened(pool)
    asked = {"to": pool.position_manager, "data": "0x" + calldata("positions(uint256)", opened.token_id).hex()}
    types = [KEY, "int24", "int24", "uint128", "uint256", "uint256", "address"]
    key, lower, upper, liquidity, *_ = decode(types, bytes.fromhex(chain.rpc.call("eth_call", asked, "latest")[2:]))
    assert "0x" + keccak(encode([KEY], [key])).hex() == pool.address
    assert (lower, upper, liquidity) == (opened.tick_lower, opened.tick_upper, opened.liquidity)


def test_a_pool_whose_key_is_another_one_is_refused(world: V3World) -> None:
    pool = world.usd_eth
    for other in (with_fee(pool, 500), replace(pool, tick_spacing=10), replace(pool, factory=pool.position_manager)):
        assert "the key of the registry" in refused(world, other)
    vaults = {**dict(pool.contracts), "vault": pool.factory}
    assert "vault of the position manager" in refused(world, replace(pool, contracts=tuple(sorted(vaults.items()))))
    permits = {**dict(pool.contracts), "permit2": "0x000000000022D473030F116dDEE9F6B43aC78BA3"}
    assert "Permit2 is" in refused(world, replace(pool, contracts=tuple(sorted(permits.items()))))


def test_hooks_and_native_currency_are_refused(world: V3World) -> None:
    pool = replace(world.usd_eth, hooks=HOOK)
    assert "not on the list" in refused(world, pool)
    with pytest.raises(InvalidInput, match="permissions in the pool's key are not known"):
        PancakeInfinityAdapter([HOOK]).parts(pool, -60, 60)
    native = replace(world.usd_eth, token0=replace(world.usd_eth.token0, address=ZERO))
    assert "native currency" in refused(world, native)


@pytest.mark.parametrize("protocol", [(1000, 1000), (250, 0)])
def test_the_protocols_fee_comes_on_top_and_is_told_apart(world: V3World, protocol: tuple[int, int]) -> None:
    pool, chain = world.usd_eth, world.chain
    trader, packed = chain.trader, protocol[1] << 12 | protocol[0]
    chain.rpc.transact(trader, pool.factory, calldata("setProtocolFeeController(address)", trader))
    chain.rpc.transact(trader, pool.factory, calldata(f"setProtocolFee({KEY},uint24)", key_of_pool(pool), packed))
    before = chain.state(pool)
    assert before.fee_pips == 3000 + max(protocol) - 3000 * max(protocol) // 10**6
    sold = 10**10, 10**18
    for side in (0, 1):
        chain.swap(pool, sold[side], zero_for_one=side == 0)
    flow = interval_flow(before, chain.state(pool))
    assert flow is not None
    assert (flow.volume0, flow.volume1) == (pytest.approx(sold[0], rel=1e-6), pytest.approx(sold[1], rel=1e-6))


def test_swaps_are_found_by_their_events(world: V3World) -> None:
    settled.find_swaps(world)
