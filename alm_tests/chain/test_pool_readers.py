"""Pools at the head of a real node: one request, a mean price only where observations reach back, no wrong pool."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from alm_core.model.errors import PoolNotFound, SourceUnavailable
from alm_core.model.market import Block, Twap
from alm_core.model.pools import Pool
from alm_localnet.contracts import calldata
from alm_resources.chains import Web3Chain
from alm_resources.dex.readers import PoolReading, pool_readers, read_pools
from alm_tests.chain.v3_chain import BTC, CHAIN_ID, ETH, FACTORY, USD, Access, V3Chain

pytestmark = pytest.mark.chain

WINDOW_S = 1800
POOLS = ("usd_eth", "eth_btc")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[V3Chain]:
    chain = V3Chain(tmp_path_factory.mktemp("readers"))
    yield chain
    chain.stop()


@pytest.fixture(autouse=True)
def _fresh(world: V3Chain) -> Iterator[None]:
    snapshot = world.rpc.call("evm_snapshot")
    yield
    world.rpc.call("evm_revert", snapshot)


def read(world: V3Chain, *pools: Pool) -> PoolReading:
    return read_pools(pools, {CHAIN_ID: world.chain}, pool_readers())


def refused(world: V3Chain, pool: Pool) -> str:
    """What is told of a pool that must not be read, next to one that is."""
    sound = world.eth_btc
    reading = read(world, pool, sound)
    assert [state.pool for state in reading.states] == [sound]
    (problem,) = reading.problems
    assert problem.source == f"rpc:{CHAIN_ID}"
    assert pool.pool_id in problem.detail
    return problem.detail


def wait(world: V3Chain, seconds: int) -> None:
    world.rpc.call("evm_increaseTime", seconds)
    world.rpc.call("evm_mine")


def mine_at(world: V3Chain, at_s: int) -> None:
    world.rpc.call("evm_setNextBlockTimestamp", at_s)
    world.rpc.call("evm_mine")


def at_s(world: V3Chain) -> int:
    return int(world.block().block_at.timestamp())


def shift_price(world: V3Chain, pool: Pool, factor: float) -> None:
    world.move_price(pool, int(world.state(pool).sqrt_price_x96 * factor))


def observe_more(world: V3Chain, pool: Pool, count: int) -> None:
    world.rpc.transact(world.trader, pool.address, calldata("increaseObservationCardinalityNext(uint16)", count))


def last_written_s(world: V3Chain, pool: Pool) -> int:
    """Time of the newest observation."""
    slot0 = world.rpc.call("eth_call", {"to": pool.address, "data": "0x3850c7bd"}, "latest")
    index = int(slot0[2 + 64 * 2 : 2 + 64 * 3], 16)
    data = "0x" + calldata("observations(uint256)", index).hex()
    return int(world.rpc.call("eth_call", {"to": pool.address, "data": data}, "latest")[2:66], 16)


def test_a_cold_client_reads_all_pools_of_a_chain_in_one_request(
    world: V3Chain, requests_made: list[tuple[str, str]]
) -> None:
    cold = Web3Chain(Access(chain_id=CHAIN_ID, rpc=(world.node.url,)))
    reading = read_pools((world.usd_eth, world.eth_btc), {CHAIN_ID: cold}, pool_readers())
    cold.close()
    assert requests_made == [(world.node.url, "eth_call")]
    assert reading.problems == ()
    header = world.block()
    for state, pool in zip(reading.states, (world.usd_eth, world.eth_btc), strict=True):
        assert state == replace(world.state(pool), block=replace(header, block_hash=None))
        assert state.block.parent_hash is not None


def test_the_block_of_a_head_is_the_one_whose_header_is_read(world: V3Chain) -> None:
    reading = world.chain.read_head(())
    assert world.chain.read_header(reading.block) == world.block()
    assert reading.block == replace(world.block(), block_hash=None)


def test_calls_at_the_block_of_a_head_do_not_see_what_came_later(world: V3Chain) -> None:
    block = world.chain.read_head(()).block
    before = world.state(world.usd_eth)
    shift_price(world, world.usd_eth, 1.01)
    assert world.state(world.usd_eth, block).sqrt_price_x96 == before.sqrt_price_x96


def test_a_header_that_reorganised_away_meanwhile_is_noticed(world: V3Chain) -> None:
    wait(world, 12)
    wait(world, 12)
    block = world.chain.read_head(()).block
    world.rpc.call("anvil_reorg", 2, [])
    for read_again in (world.chain.read_header, lambda seen: world.state(world.usd_eth, seen)):
        with pytest.raises(SourceUnavailable, match=f"block {block.number} changed while read.*reorganised"):
            read_again(block)


def test_a_block_beyond_the_nodes_head_is_unavailable(world: V3Chain) -> None:
    seen = world.chain.read_head(()).block
    later = Block(chain_id=CHAIN_ID, number=seen.number + 5, block_hash=None, block_at=seen.block_at)
    with pytest.raises(SourceUnavailable, match="has no block"):
        world.chain.read_header(later)


@pytest.mark.parametrize("name", POOLS)
@pytest.mark.parametrize(("age_s", "known"), [(WINDOW_S - 1, False), (WINDOW_S, True), (10 * WINDOW_S, True)])
def test_an_untouched_pool_has_a_mean_price_from_the_age_of_the_window_on(
    world: V3Chain, name: str, age_s: int, known: bool
) -> None:
    pool: Pool = getattr(world, name)
    mine_at(world, last_written_s(world, pool) + age_s)
    (state,) = read(world, pool).states
    assert state.twap == (Twap(window_s=WINDOW_S, tick=state.tick) if known else None)


def test_an_old_pool_with_room_for_one_observation_has_no_mean_price_after_a_swap(world: V3Chain) -> None:
    wait(world, 10 * WINDOW_S)
    shift_price(world, world.usd_eth, 1.01)
    wait(world, WINDOW_S // 3)
    (state,) = read(world, world.usd_eth).states
    assert state.twap is None
    wait(world, WINDOW_S)
    (later,) = read(world, world.usd_eth).states
    assert later.twap == Twap(window_s=WINDOW_S, tick=later.tick)


def test_slots_that_are_only_reserved_do_not_make_a_young_pool_old(world: V3Chain) -> None:
    pool = world.usd_eth
    observe_more(world, pool, 50)
    mine_at(world, last_written_s(world, pool) + WINDOW_S // 2)
    shift_price(world, pool, 1.01)
    (state,) = read(world, pool).states
    assert state.twap is None


@pytest.mark.parametrize("name", POOLS)
def test_the_mean_tick_is_that_of_the_prices_in_the_window(world: V3Chain, name: str) -> None:
    pool: Pool = getattr(world, name)
    observe_more(world, pool, 20)
    wait(world, 2 * WINDOW_S)
    ticks = [(at_s(world), world.state(pool).tick)]
    for factor, pause in ((1.02, 601), (0.97, 407), (1.013, 211), (0.99, 503), (1.005, 97), (1.001, 13)):
        wait(world, pause)
        shift_price(world, pool, factor)
        ticks.append((at_s(world), world.state(pool).tick))
    wait(world, 71)
    now_s = at_s(world)
    start_s = now_s - WINDOW_S
    ends = [moment for moment, _ in ticks[1:]] + [now_s]
    total = sum(tick * max(0, end_s - max(from_s, start_s)) for (from_s, tick), end_s in zip(ticks, ends, strict=True))
    (state,) = read(world, pool).states
    assert total % WINDOW_S
    assert (state.tick < 0) == (name == "eth_btc")
    assert state.twap == Twap(window_s=WINDOW_S, tick=total // WINDOW_S)
    assert state.twap.tick != state.tick


def test_a_pool_of_another_chains_node_is_not_read(world: V3Chain) -> None:
    elsewhere = Web3Chain(Access(chain_id=1, rpc=(world.node.url,)))
    reading = read_pools([replace(world.usd_eth, chain_id=1)], {1: elsewhere}, pool_readers())
    elsewhere.close()
    assert reading.states == ()
    (problem,) = reading.problems
    assert problem.source == "rpc:1"
    assert f"serves chain {CHAIN_ID}, registry says 1" in problem.detail


def test_tokens_in_the_wrong_order_are_refused(world: V3Chain) -> None:
    swapped = replace(world.usd_eth, token0=ETH, token1=USD)
    assert f"token0 is {USD.address}" in refused(world, swapped)


@pytest.mark.parametrize(("side", "token"), [("token0", USD), ("token1", ETH)])
def test_other_decimals_than_the_tokens_are_refused(world: V3Chain, side: str, token: object) -> None:
    wrong = replace(world.usd_eth, **{side: replace(token, decimals=8)})  # type: ignore[type-var]
    assert f"decimals of {token.symbol}" in refused(world, wrong)  # type: ignore[attr-defined]


def test_an_address_without_code_is_refused(world: V3Chain) -> None:
    assert "slot0() answered 0 bytes" in refused(world, replace(world.usd_eth, address="0x" + "99" * 20))


def test_a_copy_that_the_factory_does_not_know_is_refused(world: V3Chain) -> None:
    """Its code and its storage are those of the real pool: every word of its own is right."""
    real, copy = world.usd_eth, replace(world.usd_eth, address="0x" + "77" * 20)
    world.rpc.call("anvil_setCode", copy.address, world.rpc.call("eth_getCode", real.address, "latest"))
    for slot in range(5):
        value = world.rpc.call("eth_getStorageAt", real.address, hex(slot), "latest")
        world.rpc.call("anvil_setStorageAt", copy.address, "0x" + f"{slot:064x}", value)
    told = refused(world, copy)
    assert f"pool of these tokens and fee at the factory is {real.address}" in told.lower()


def test_a_pool_of_another_factory_is_refused(world: V3Chain) -> None:
    other = "0x" + "F2" * 20
    world.rpc.call("anvil_setCode", other, world.rpc.call("eth_getCode", FACTORY, "latest"))
    told = refused(world, replace(world.usd_eth, factory=other))
    assert f"factory is {FACTORY.lower()}" in told


def test_other_tokens_and_fees_than_the_registrys_are_refused(world: V3Chain) -> None:
    assert "token1 is" in refused(world, replace(world.usd_eth, token1=BTC))
    assert "fee is 500, registry says 3000" in refused(world, replace(world.usd_eth, fee_pips=3000))
    with pytest.raises(PoolNotFound, match="tick spacing is 10, registry says 60"):
        world.state(replace(world.usd_eth, tick_spacing=60))
