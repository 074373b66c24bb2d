"""Uniswap V4 (published bytecode): ids that prove keys, hooks, fees of two kinds, liquidity by actions, ids by logs."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

from alm_core.math.fee_growth import fees_owed
from alm_core.math.liquidity import price_interval
from alm_core.math.tick import UINT128_MAX
from alm_core.model.errors import InvalidInput
from alm_core.model.pools import Pool
from alm_core.portfolio.flows import interval_flow
from alm_localnet.contracts import calldata
from alm_localnet.dexes.uniswap_v4 import LocalUniswapV4
from alm_resources.dex.uniswap_v4 import UniswapV4Adapter
from alm_resources.dex.uniswap_v4.layout import ZERO
from alm_tests.chain.dex_chain import with_fee
from alm_tests.chain.families import settled
from alm_tests.chain.families.v3_shaped import V3World, amounts, contracts_of, key_of, refused, ticks, v3_world

pytestmark = pytest.mark.chain

KEY = "(address,address,uint24,int24,address)"
DYNAMIC = 0x800000
# No permission bits: the pool manager calls it never. Only it may set the fee of its pools.
HOOK = "0x00000000000000000000000000000000AbC00000"
POOLS, SIDES = ("usd_eth", "eth_btc"), ("around", "above", "below")


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[V3World]:
    contracts = {**contracts_of("uni-v4", 1), "permit2": "0x000000000022D473030F116dDEE9F6B43aC78BA3"}
    key = key_of(fee_pips=3000, tick_spacing=60)
    world = v3_world(tmp_path_factory.mktemp("v4"), LocalUniswapV4(), UniswapV4Adapter(), contracts, key)
    yield world
    world.chain.stop()


@pytest.fixture
def world(standing: V3World) -> Iterator[V3World]:
    snapshot = standing.chain.rpc.call("evm_snapshot")
    yield standing
    standing.chain.rpc.call("evm_revert", snapshot)


def key_of_pool(pool: Pool) -> tuple[Any, ...]:
    return pool.token0.address, pool.token1.address, pool.fee_pips, pool.tick_spacing, pool.hooks or ZERO


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", POOLS)
def test_a_position_pays_what_is_read_all_its_life(world: V3World, name: str, side: str) -> None:
    settled.live_a_whole_life(world, name, side)


@pytest.mark.parametrize("factor", [0.9951, 0.9999, 1.002, 1.0049])
@pytest.mark.parametrize("name", POOLS)
def test_a_mint_places_all_it_can_anywhere_in_the_interval(world: V3World, name: str, factor: float) -> None:
    settled.place_where_the_price_went(world, name, factor)


@pytest.mark.parametrize(("side", "factor"), [("around", 0.9945), ("around", 1.0056), ("above", 0.99), ("below", 1.01)])
def test_mints_and_burns_revert_where_the_price_left_the_interval(world: V3World, side: str, factor: float) -> None:
    settled.refuse_where_the_price_left(world, "usd_eth", side, factor)


def test_positions_are_found_however_they_came_and_none_that_left(world: V3World) -> None:
    settled.find_ids_whatever_happens(world, UniswapV4Adapter())


def test_rights_are_exact_and_end(world: V3World) -> None:
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
    pool = world.usd_eth
    at = ticks(world.chain.state(pool), "around")
    settled.adopt(world, pool, mint_of(world, pool, *at, 10**15, UINT128_MAX), 10**15, at)


def test_calls_are_refused_as_the_published_contracts_do(world: V3World) -> None:
    settled.refuse_as_the_real_one(
        world, lambda lower, upper, most0: mint_of(world, world.usd_eth, lower, upper, 10**15, most0)
    )


def test_fees_are_those_that_state_view_tells(world: V3World) -> None:
    pool, chain = world.usd_eth, world.chain
    opened = world.opened(pool, "above")
    world.trade_both_ways(pool)
    position = world.only(pool)
    at = opened.tick_lower, opened.tick_upper
    identity, salt = bytes.fromhex(pool.address[2:]), opened.token_id.to_bytes(32, "big")
    asked = (
        (2, calldata("getFeeGrowthInside(bytes32,int24,int24)", identity, *at)),
        (
            3,
            calldata(
                "getPositionInfo(bytes32,address,int24,int24,bytes32)", identity, pool.position_manager, *at, salt
            ),
        ),
    )
    inside, info = (
        decode(
            ["uint256"] * words,
            bytes.fromhex(
                chain.rpc.call("eth_call", {"to": pool.contract("state_view"), "data": "0x" + data.hex()}, "latest")[2:]
            ),
        )
        for words, data in asked
    )
    fees = tuple(fees_owed(info[0], inside[side], info[1 + side]) for side in (0, 1))
    assert (position.fees0, position.fees1) == fees
    assert min(fees) > 0


def test_an_emptied_position_is_read_and_burned(world: V3World) -> None:
    pool, chain = world.usd_eth, world.chain
    position = world.opened(pool)
    change = encode(
        ["uint256", "uint256", "uint128", "uint128", "bytes"], [position.token_id, position.liquidity, 0, 0, b""]
    )
    take = encode(["address"] * 3, [pool.token0.address, pool.token1.address, chain.wallet])
    unlock_data = encode(["bytes", "bytes[]"], [bytes.fromhex("0111"), [change, take]])
    chain.rpc.transact(
        chain.wallet, pool.position_manager, calldata("modifyLiquidities(bytes,uint256)", unlock_data, 2**40)
    )
    empty = world.only(pool)
    assert (empty.liquidity, empty.amount0, empty.amount1, empty.fees0, empty.fees1) == (0, 0, 0, 0, 0)
    with pytest.raises(InvalidInput, match="no liquidity"):
        world.collect(pool, empty)
    world.add(pool, empty)
    world.remove(pool, world.only(pool), 1)
    world.close(pool, world.only(pool))
    assert chain.positions(pool) == ()


def test_a_pool_whose_key_is_another_one_is_refused(world: V3World) -> None:
    pool = world.usd_eth
    for other in (
        with_fee(pool, 500),
        replace(pool, tick_spacing=10),
        replace(pool, token0=pool.token1, token1=pool.token0),
        replace(pool, address=world.eth_btc.address),
    ):
        assert "the key of the registry" in refused(world, other)
    assert "an id of 32 bytes" in refused_early(world, replace(pool, address=pool.token0.address))
    assert "decimals of USD" in refused(world, replace(pool, token0=replace(pool.token0, decimals=18)))
    assert "fee is part of its key" in refused(world, with_fee(pool, None))


def refused_early(world: V3World, pool: Pool) -> str:
    with pytest.raises(InvalidInput) as told:
        world.chain.state(pool)
    return str(told.value)


def test_contracts_that_do_not_belong_together_are_refused(world: V3World) -> None:
    pool = world.usd_eth
    assert "pool manager of" in refused(world, replace(pool, factory=pool.position_manager))
    assert "Permit2 is" in refused(world, with_contract(pool, "permit2", pool.factory))
    assert "fails" in refused(world, replace(pool, position_manager=pool.contract("permit2")))
    assert "fails" in refused(world, with_contract(pool, "state_view", pool.factory))


def with_contract(pool: Pool, role: str, address: str) -> Pool:
    return replace(pool, contracts=tuple(sorted({**dict(pool.contracts), role: address}.items())))


def test_a_pool_that_was_never_created_is_refused(world: V3World) -> None:
    pool = with_fee(world.usd_eth, 42)
    identity = "0x" + keccak(encode([KEY], [key_of_pool(pool)])).hex()
    assert "not initialised" in refused(world, replace(pool, address=identity))


def test_native_currency_is_refused(world: V3World) -> None:
    pool = world.usd_eth
    native = replace(pool, token0=replace(pool.token0, address=ZERO))
    assert "native currency" in refused(world, native)
    with pytest.raises(InvalidInput, match="native currency"):
        world.chain.adapter.placing_grants(native, world.chain.wallet, 1, 1, world.chain.deadline())


def hooked_pool(world: V3World, fee_pips: int = DYNAMIC) -> Pool:
    pool = replace(world.usd_eth, fee_pips=fee_pips, hooks=HOOK)
    key, price = key_of_pool(pool), world.chain.state(world.usd_eth).sqrt_price_x96
    world.chain.rpc.transact(world.chain.trader, pool.factory, calldata(f"initialize({KEY},uint160)", key, price))
    return replace(pool, address="0x" + keccak(encode([KEY], [key])).hex())


def test_pools_with_hooks_are_read_only_if_the_hook_is_allowed(world: V3World) -> None:
    pool, chain = hooked_pool(world), world.chain
    assert f"hook {HOOK} is not on the list" in refused(world, pool)
    with pytest.raises(InvalidInput, match="not on the list"):
        chain.adapter.parts(pool, -60, 60)
    assert "set by a hook, and it has none" in refused(world, with_fee(world.usd_eth, DYNAMIC))
    chain.rpc.call("anvil_impersonateAccount", HOOK)
    chain.rpc.call("anvil_setBalance", HOOK, hex(10**20))
    chain.rpc.transact(HOOK, pool.factory, calldata(f"updateDynamicLPFee({KEY},uint24)", key_of_pool(pool), 700))
    allowing = UniswapV4Adapter([HOOK.lower()])
    block = chain.block()
    state = allowing.read_pool(pool, chain.chain.read_calls(allowing.pool_calls(pool), block), block)
    assert state.fee_pips == 700
    interval = price_interval(state.sqrt_price_x96, 0.005)
    planned = (state, *ticks(state, "around"), *amounts(state), interval, chain.wallet, chain.deadline())
    with pytest.raises(InvalidInput, match="not on the list"):
        chain.adapter.plan_open(*planned)
    chain.place(
        allowing.placing_grants(pool, chain.wallet, *amounts(state), chain.deadline()), allowing.plan_open(*planned)
    )
    (position,) = allowing.read_positions(chain.chain, [state], chain.wallet, chain.block())
    assert position.liquidity > 0
    assert world.chain.positions(world.usd_eth) == ()


@pytest.mark.parametrize("protocol", [(0, 0), (1000, 1000), (250, 0), (0, 700)])
def test_the_protocols_fee_comes_on_top_and_is_told_apart(world: V3World, protocol: tuple[int, int]) -> None:
    pool, chain = world.usd_eth, world.chain
    trader = chain.trader
    chain.rpc.transact(trader, pool.factory, calldata("setProtocolFeeController(address)", trader))
    packed = protocol[1] << 12 | protocol[0]
    chain.rpc.transact(trader, pool.factory, calldata(f"setProtocolFee({KEY},uint24)", key_of_pool(pool), packed))
    before = chain.state(pool)
    assert before.fee_pips == 3000 + max(protocol) - 3000 * max(protocol) // 10**6
    sold = 10**10, 10**18
    for side in (0, 1):
        chain.swap(pool, sold[side], zero_for_one=side == 0)
    flow = interval_flow(before, chain.state(pool))
    assert flow is not None
    assert flow.volume0 == pytest.approx(sold[0], rel=1e-6)
    assert flow.volume1 == pytest.approx(sold[1], rel=1e-6)


def test_swaps_are_found_by_their_events(world: V3World) -> None:
    settled.find_swaps(world)
