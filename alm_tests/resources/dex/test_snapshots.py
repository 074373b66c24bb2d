"""Snapshots: one pinned block per chain, and failures that name their source instead of looking like empty answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from alm_core.model.chain_ports import Call, CallResult
from alm_core.model.epochs import Epoch
from alm_core.model.errors import PoolNotFound, SourceUnavailable, WrongChain
from alm_core.model.market import Block, PoolMarket, PoolState, Position
from alm_core.model.pools import Pool
from alm_resources.chains.multicall import ETH_BALANCE
from alm_resources.dex.erc20 import balance_call
from alm_resources.dex.snapshots import SnapshotReader
from alm_resources.dex.usd import fetch_figures
from alm_tests.resources.dex.fakes import (
    MANAGER,
    OWNER,
    USDC,
    WETH,
    TableChain,
    make_block,
    make_pool,
    make_state,
    word,
)

EPOCH = Epoch(pair="WETH-USDC", epoch_at=datetime(2026, 11, 22, 10, 30, tzinfo=UTC))
WRAPPED = "0x" + "ee" * 20
MULTICALL3 = "0x" + "ca" * 20
STATE_SELECTOR = b"pool"


@dataclass
class FakeAdapter:
    """One call per pool; ``wrong`` pools are not what the registry says."""

    family: str = "uniswap_v3"
    wrong: frozenset[str] = frozenset()

    def pool_calls(self, pool: Pool) -> tuple[Call, ...]:
        return (Call(target=pool.address, data=STATE_SELECTOR, may_fail=True),)

    def read_pool(self, pool: Pool, results: Sequence[CallResult], block: Block) -> PoolState:
        assert [result.data for result in results] == [pool.address.encode()]
        if pool.pool_id in self.wrong:
            raise PoolNotFound(f"pool {pool.pool_id}: fee is 1")
        return replace(make_state(pool), block=block)

    def read_positions(
        self, chain: TableChain, pools: Sequence[PoolState], owner: str, block: Block
    ) -> tuple[Position, ...]:
        chain.blocks_asked.append(block.number)
        return tuple(
            Position(
                pool_id=state.pool.pool_id,
                token_id=5,
                tick_lower=-10,
                tick_upper=10,
                liquidity=1,
                amount0=0,
                amount1=0,
                fees0=0,
                fees1=0,
            )
            for state in pools
        )


@dataclass
class FakeMarkets:
    """Market data; single prices by chain, prices that pools tell by pool id, or a failure."""

    usd: dict[int, dict[str, float]]
    failure: Exception | None = None
    quote_usd: dict[str, float] = field(default_factory=dict)
    native_usd: dict[str, float] = field(default_factory=dict)
    asked: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)

    def fetch_pools(self, pools: Sequence[Pool]) -> tuple[PoolMarket, ...]:
        if self.failure:
            raise self.failure
        return tuple(
            PoolMarket(
                pool_id=pool.pool_id,
                source="geckoterminal",
                fetched_at=EPOCH.epoch_at,
                volume_24h_usd=1.0,
                tvl_usd=None,
                fee_frac=None,
                base_usd=None,
                quote_usd=self.quote_usd.get(pool.pool_id),
                native_usd=self.native_usd.get(pool.pool_id),
            )
            for pool in pools
        )

    def fetch_token_usd(self, chain_id: int, addresses: Sequence[str]) -> dict[str, float]:
        self.asked.append((chain_id, tuple(addresses)))
        if self.failure:
            raise self.failure
        return self.usd[chain_id]


@dataclass(frozen=True)
class FakeChainConfig:
    wrapped_native: str = WRAPPED
    native_symbol: str = "ETH"
    multicall3: str = MULTICALL3


@dataclass(frozen=True)
class FakeRegistry:
    pools: tuple[Pool, ...]

    def pools_of(self, pair_id: str) -> tuple[Pool, ...]:
        assert pair_id == EPOCH.pair
        return self.pools

    def chain(self, chain_id: int) -> FakeChainConfig:
        return FakeChainConfig()


POOLS = (
    make_pool(1, "0x" + "a1" * 20),
    make_pool(1, "0x" + "a2" * 20, 3000, 60),
    make_pool(8453, "0x" + "a3" * 20),
)


def chain(chain_id: int, **changes: object) -> TableChain:
    balance = balance_call(USDC, OWNER).data[:4]
    answers: dict[tuple[str, bytes], CallResult] = {
        (pool.address, STATE_SELECTOR): CallResult(succeeded=True, data=pool.address.encode()) for pool in POOLS
    }
    answers[MULTICALL3, ETH_BALANCE.selector] = word(7)
    answers[USDC.lower(), balance] = word(11)
    answers[WETH.lower(), balance] = word(22)
    answers[MANAGER.lower(), balance] = word(1)
    return TableChain(chain_id=chain_id, answers=answers, **changes)  # type: ignore[arg-type]


def prices(**by_symbol: float) -> dict[str, float]:
    return {{"native": WRAPPED, "usdc": USDC}[name]: usd for name, usd in by_symbol.items()}


def good_markets() -> FakeMarkets:
    return FakeMarkets({chain_id: prices(native=2000.0, usdc=1.001) for chain_id in (1, 8453)})


def reader(
    chains: dict[int, TableChain], markets: FakeMarkets | None = None, adapter: FakeAdapter | None = None
) -> SnapshotReader:
    adapters = {"uniswap_v3": adapter or FakeAdapter()}
    return SnapshotReader(FakeRegistry(POOLS), chains, adapters, markets or good_markets())  # type: ignore[arg-type]


def test_every_chain_is_read_at_one_block_with_all_pools_balances_and_positions() -> None:
    chains = {1: chain(1), 8453: chain(8453)}
    snapshot = reader(chains).read_snapshot(EPOCH, OWNER)
    assert snapshot.problems == ()
    assert [state.block.chain_id for state in snapshot.chains] == [1, 8453]
    assert [state.pool for state in snapshot.pools] == list(POOLS)
    assert [market.pool_id for market in snapshot.markets] == [pool.pool_id for pool in POOLS]
    assert snapshot.quote_usd == 1.001
    assert snapshot.chain(1).native_usd == 2000.0
    for holdings in snapshot.holdings:
        assert (holdings.balance(USDC), holdings.balance(WETH), holdings.native_wei) == (11, 22, 7)
    assert [len(holdings.positions) for holdings in snapshot.holdings] == [2, 1]
    assert {number for one in chains.values() for number in one.blocks_asked} == {100}


def test_everything_carries_the_hash_of_the_header_that_was_read_last() -> None:
    chains = {1: chain(1), 8453: chain(8453)}
    snapshot = reader(chains).read_snapshot(EPOCH, OWNER)
    for chain_id, one in chains.items():
        (asked,) = one.headers_asked
        assert asked.block_hash is None
        pinned = make_block(chain_id)
        assert snapshot.chain(chain_id).block == pinned
        assert {holdings.block for holdings in snapshot.holdings if holdings.block.chain_id == chain_id} == {pinned}
        assert {state.block for state in snapshot.pools if state.pool.chain_id == chain_id} == {pinned}


def test_pools_balances_and_counts_are_one_batch_and_managers_that_count_nothing_are_not_asked_again() -> None:
    empty = chain(8453)
    empty.answers = {**empty.answers, (MANAGER.lower(), balance_call(MANAGER, OWNER).data[:4]): word(0)}
    chains = {1: chain(1), 8453: empty}
    snapshot = reader(chains).read_snapshot(EPOCH, OWNER)
    assert [len(holdings.positions) for holdings in snapshot.holdings] == [2, 0]
    assert [len(one.batches) for one in chains.values()] == [1, 1]
    # The fake adapter notes its own visit: one on the chain that counts a position, none on the other.
    assert [one.blocks_asked for one in chains.values()] == [[100, 100], [100]]


@pytest.mark.parametrize("count", [CallResult(succeeded=False, data=b""), CallResult(succeeded=True, data=b"")])
def test_a_manager_that_does_not_count_leaves_it_to_the_adapter(count: CallResult) -> None:
    silent = chain(1)
    silent.answers = {**silent.answers, (MANAGER.lower(), balance_call(MANAGER, OWNER).data[:4]): count}
    snapshot = reader({1: silent, 8453: chain(8453)}).read_snapshot(EPOCH, OWNER)
    assert [len(holdings.positions) for holdings in snapshot.holdings] == [2, 1]


@pytest.mark.parametrize(
    "failure", [SourceUnavailable("rpc:8453", "no endpoint answers"), WrongChain("rpc:8453", "serves chain 1")]
)
def test_a_chain_that_fails_is_named_and_left_out_while_the_others_are_read(failure: Exception) -> None:
    snapshot = reader({1: chain(1), 8453: chain(8453, failure=failure)}).read_snapshot(EPOCH, OWNER)
    assert [(problem.source, problem.detail) for problem in snapshot.problems] == [
        ("rpc:8453", str(failure).removeprefix("rpc:8453: "))
    ]
    assert [state.block.chain_id for state in snapshot.chains] == [1]
    assert [holdings.block.chain_id for holdings in snapshot.holdings] == [1]
    assert {state.pool.chain_id for state in snapshot.pools} == {1}


def test_a_balance_that_cannot_be_read_is_a_problem_and_never_zero() -> None:
    broken = chain(1)
    broken.answers = {
        **broken.answers,
        (USDC.lower(), balance_call(USDC, OWNER).data[:4]): CallResult(succeeded=True, data=b""),
    }
    snapshot = reader({1: broken, 8453: chain(8453)}).read_snapshot(EPOCH, OWNER)
    (problem,) = snapshot.problems
    assert problem.source == f"token USDC {USDC} of chain 1"
    assert [holdings.block.chain_id for holdings in snapshot.holdings] == [8453]


def test_a_pool_that_is_not_the_registrys_is_a_problem_and_hides_no_position() -> None:
    adapter = FakeAdapter(wrong=frozenset({POOLS[1].pool_id}))
    snapshot = reader({1: chain(1), 8453: chain(8453)}, adapter=adapter).read_snapshot(EPOCH, OWNER)
    (problem,) = snapshot.problems
    assert POOLS[1].pool_id in problem.detail
    assert [state.pool for state in snapshot.pools] == [POOLS[0], POOLS[2]]
    assert [holdings.block.chain_id for holdings in snapshot.holdings] == [8453]


def test_a_market_service_that_is_down_is_named_and_prices_stay_unknown() -> None:
    markets = FakeMarkets({}, failure=SourceUnavailable("geckoterminal", "HTTP 429"))
    snapshot = reader({1: chain(1), 8453: chain(8453)}, markets).read_snapshot(EPOCH, OWNER)
    assert {problem.source for problem in snapshot.problems} == {"geckoterminal", "native price"}
    assert snapshot.quote_usd is None
    assert snapshot.markets == ()
    assert snapshot.chains == ()
    assert len(snapshot.holdings) == 2


def test_an_unknown_quote_price_stays_unknown() -> None:
    markets = FakeMarkets({chain_id: prices(native=2000.0) for chain_id in (1, 8453)})
    snapshot = reader({1: chain(1), 8453: chain(8453)}, markets).read_snapshot(EPOCH, OWNER)
    assert snapshot.quote_usd is None
    assert snapshot.problems == ()


def test_an_unknown_native_price_is_a_problem_of_that_chain_only() -> None:
    markets = FakeMarkets({1: prices(native=2000.0, usdc=1.0), 8453: prices(usdc=1.0)})
    snapshot = reader({1: chain(1), 8453: chain(8453)}, markets).read_snapshot(EPOCH, OWNER)
    assert [state.block.chain_id for state in snapshot.chains] == [1]
    (problem,) = snapshot.problems
    assert "ETH on chain 8453" in problem.detail


def test_quote_and_wrapped_native_are_asked_for_on_each_chain_whose_pools_do_not_tell() -> None:
    markets = good_markets()
    reader({1: chain(1), 8453: chain(8453)}, markets).read_snapshot(EPOCH, OWNER)
    assert markets.asked == [(1, sorted_pair(USDC, WRAPPED)), (8453, sorted_pair(USDC, WRAPPED))]


def test_prices_that_pools_tell_are_not_asked_for_again() -> None:
    ids = [pool.pool_id for pool in POOLS]
    markets = FakeMarkets(
        {8453: prices(native=2010.0)},
        quote_usd=dict(zip(ids, (1.001, 0.999, 1.01), strict=True)),
        native_usd=dict(zip(ids[:2], (1990.0, 2000.0), strict=True)),
    )
    snapshot = reader({1: chain(1), 8453: chain(8453)}, markets).read_snapshot(EPOCH, OWNER)
    assert markets.asked == [(8453, (WRAPPED,))]
    assert snapshot.quote_usd == pytest.approx((1.0 + 1.01) / 2)
    assert [state.native_usd for state in snapshot.chains] == [1995.0, 2010.0]


@pytest.mark.parametrize(
    ("told", "believed"),
    [
        ((2000.0, 2010.0, 9000.0), 2005.0),
        ((2000.0, 2010.0, 0.5), 2005.0),
        ((2000.0, 2100.0, 1900.0), 2000.0),
        ((2000.0, 3000.0), None),
    ],
)
def test_a_pool_that_tells_another_price_of_the_native_coin_is_not_believed(
    told: tuple[float, ...], believed: float | None
) -> None:
    pools = [make_pool(1, "0x" + f"{number:02x}" * 20) for number in range(1, len(told) + 1)]
    markets = FakeMarkets({1: {}}, native_usd={pool.pool_id: usd for pool, usd in zip(pools, told, strict=True)})
    assert fetch_figures(pools, {1: WRAPPED}, markets).native_usd(1, WRAPPED) == believed


def sorted_pair(*addresses: str) -> tuple[str, ...]:
    return tuple(sorted(addresses))
