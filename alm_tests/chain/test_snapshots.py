"""A snapshot of the whole localnet: every chain at one block, real pools, real balances, real positions."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

import pytest

from alm_core.execution.erc20 import approve_data
from alm_core.math.liquidity import price_interval
from alm_core.math.orientation import price_at_sqrt_price_x96
from alm_core.model.chain_ports import ChainClient
from alm_core.model.epochs import Epoch, floor_to_epoch
from alm_core.model.errors import SourceError
from alm_core.model.market import MarketSnapshot
from alm_localnet import Localnet
from alm_resources.chains import Web3Chain, chains_from
from alm_resources.dex import adapters
from alm_resources.dex.readers import pool_readers, read_pools
from alm_resources.dex.snapshots import SnapshotReader
from alm_resources.geckoterminal import GeckoTerminalClient
from alm_resources.registry import Registry, load_registry

pytestmark = pytest.mark.chain

PAIR = "WETH-USDC"


@pytest.fixture
def registry(localnet: Localnet) -> Registry:
    return load_registry(localnet.registry_file)


@pytest.fixture
def chains(registry: Registry) -> Iterator[dict[int, ChainClient]]:
    made = chains_from(registry)
    yield made
    for chain in made.values():
        assert isinstance(chain, Web3Chain)
        chain.close()


def read(localnet: Localnet, registry: Registry, chains: dict[int, ChainClient]) -> MarketSnapshot:
    reader = SnapshotReader(registry, chains, adapters(), GeckoTerminalClient.from_registry(registry))
    epoch = Epoch(pair=PAIR, epoch_at=floor_to_epoch(localnet.now))
    return reader.read_snapshot(epoch, localnet.wallets.addresses[PAIR])


def test_all_chains_pools_and_balances_are_read(
    localnet: Localnet, registry: Registry, chains: dict[int, ChainClient]
) -> None:
    snapshot = read(localnet, registry, chains)
    assert snapshot.problems == ()
    expected = sorted({pool.chain_id for pool in registry.pools_of(PAIR)})
    assert [state.block.chain_id for state in snapshot.chains] == expected
    assert {state.pool.pool_id for state in snapshot.pools} == {pool.pool_id for pool in registry.pools_of(PAIR)}
    assert {market.pool_id for market in snapshot.markets} == {state.pool.pool_id for state in snapshot.pools}
    assert snapshot.quote_usd == pytest.approx(1.0, abs=0.05)
    for holdings in snapshot.holdings:
        assert holdings.native_wei > 0
        assert any(entry.amount for entry in holdings.balances)
        assert holdings.block == snapshot.chain(holdings.block.chain_id).block
    prices = [price_at_sqrt_price_x96(state.pool, state.sqrt_price_x96) for state in snapshot.pools]
    assert max(prices) / min(prices) < 1.02


def test_a_position_opened_on_one_chain_is_in_the_next_snapshot(
    localnet: Localnet,
    registry: Registry,
    chains: dict[int, ChainClient],
    requests_made: list[tuple[str, str]],
) -> None:
    before = read(localnet, registry, chains)
    state = before.pools[0]
    chain_id, owner = state.pool.chain_id, localnet.wallets.addresses[PAIR]
    holdings = next(one for one in before.holdings if one.block.chain_id == chain_id)
    amounts = [holdings.balance(token.address) // 10 for token in (state.pool.token0, state.pool.token1)]
    adapter = adapters()[state.pool.family]
    spacing = state.pool.tick_spacing
    lower = (state.tick // spacing - 20) * spacing
    tx = adapter.plan_open(
        state,
        lower,
        lower + 40 * spacing,
        *amounts,
        price_interval(state.sqrt_price_x96, 0.005),
        owner,
        state.block.block_at + timedelta(seconds=120),
    )
    rpc = localnet.rpc(chain_id)
    rpc.call("anvil_impersonateAccount", owner)
    for token, amount in zip((state.pool.token0, state.pool.token1), amounts, strict=True):
        rpc.transact(owner, token.address, bytes.fromhex(approve_data(tx.to, amount)[2:]), gas=200_000)
    chains[chain_id].simulate(tx)
    rpc.transact(owner, tx.to, bytes.fromhex(tx.data[2:]), gas=1_000_000)
    requests_made.clear()
    after = read(localnet, registry, chains)
    found = {one.block.chain_id: one.positions for one in after.holdings}
    asked = requests_by_chain(registry, requests_made)
    # Ids with their count, what the manager stores, what the pool knows; one header for all of them.
    reads = 4 + reads_of_ticks(registry, chain_id)
    assert asked[chain_id][: reads + 1] == [*["eth_call"] * reads, "eth_getBlockByNumber"]
    assert {key: methods.count("eth_call") for key, methods in asked.items() if key != chain_id} == {
        key: reads_of_nothing(registry, key) for key in asked if key != chain_id
    }
    (position,) = found.pop(chain_id)
    assert (position.pool_id, position.tick_lower) == (state.pool.pool_id, lower)
    quote = adapter.quote_liquidity(state, lower, lower + 40 * spacing, *amounts)
    assert position.liquidity == quote.liquidity
    assert all(not positions for positions in found.values())


def has_bins(registry: Registry, chain_id: int) -> bool:
    return any(pool.bin_step is not None for pool in registry.pools_of(PAIR) if pool.chain_id == chain_id)


def reads_of_nothing(registry: Registry, chain_id: int) -> int:
    """Reads of a chain where the wallet has no position: one for all, one for the ticks of every two pools; pools of
    bins need their active bin, and two reads of what the wallet has in them, since no count of positions tells.
    """
    return (4 if has_bins(registry, chain_id) else 1) + reads_of_ticks(registry, chain_id)


def reads_of_ticks(registry: Registry, chain_id: int) -> int:
    own = [pool for pool in registry.pools_of(PAIR) if pool.chain_id == chain_id and pool.bin_step is None]
    return -(-len(own) // 2)


def requests_by_chain(registry: Registry, made: list[tuple[str, str]]) -> dict[int, list[str]]:
    chain_at = {url: chain_id for chain_id, chain in registry.chains.items() for url in chain.rpc}
    asked: dict[int, list[str]] = {}
    for url, method in made:
        asked.setdefault(chain_at[url], []).append(method)
    return asked


def test_a_cold_process_needs_few_requests_per_chain_and_one_for_all_pools(
    localnet: Localnet,
    registry: Registry,
    chains: dict[int, ChainClient],
    requests_made: list[tuple[str, str]],
) -> None:
    pools = registry.pools_of(PAIR)
    reading = read_pools(pools, chains, pool_readers())
    assert reading.problems == ()
    assert [state.pool for state in reading.states] == list(pools)
    used = {pool.chain_id for pool in pools}
    # Which bin is active has to be known before it can be asked for.
    expected = {chain_id: ["eth_call"] * (2 if has_bins(registry, chain_id) else 1) for chain_id in used}
    assert requests_by_chain(registry, requests_made) == expected
    requests_made.clear()
    snapshot = read(localnet, registry, chains)
    assert snapshot.problems == ()
    for chain_id, asked in requests_by_chain(registry, requests_made).items():
        reads = reads_of_nothing(registry, chain_id)
        assert asked[: reads + 1] == [*["eth_call"] * reads, "eth_getBlockByNumber"]
        assert set(asked[reads + 1 :]) <= {"eth_feeHistory", "eth_maxPriorityFeePerGas"}


def test_everything_read_of_a_chain_carries_its_block_and_the_hash_of_its_header(
    localnet: Localnet, registry: Registry, chains: dict[int, ChainClient]
) -> None:
    snapshot = read(localnet, registry, chains)
    for state in snapshot.chains:
        assert state.block == chains[state.block.chain_id].read_block()
        assert state.block.known_hash
    for pool in snapshot.pools:
        assert pool.block == snapshot.chain(pool.pool.chain_id).block
        assert pool.source == f"rpc:{pool.pool.chain_id}"


def test_a_chain_that_is_down_or_another_one_is_named_and_the_rest_is_read(
    localnet: Localnet, registry: Registry, chains: dict[int, ChainClient]
) -> None:
    first, second, *_ = sorted(registry.chains)
    wrong = dict(registry.chains)
    wrong[first] = replace(registry.chain(first), rpc=registry.chain(second).rpc)
    wrong[second] = replace(registry.chain(second), rpc=("http://127.0.0.1:9",))
    broken = chains_from(replace(registry, chains=MappingProxyType(wrong)))
    snapshot = read(localnet, registry, {**chains, **{key: broken[key] for key in (first, second)}})
    told = {problem.source: problem.detail for problem in snapshot.problems}
    assert set(told) == {f"rpc:{first}", f"rpc:{second}"}
    assert "another chain" in told[f"rpc:{first}"]
    assert "no connection" in told[f"rpc:{second}"]
    assert {holdings.block.chain_id for holdings in snapshot.holdings} == set(chains) - {first, second}
    for chain in broken.values():
        assert isinstance(chain, Web3Chain)
        chain.close()
    with pytest.raises(SourceError):
        broken[first].read_block()
