"""Everything an epoch sees of chains, pools and its own wallet, each chain at one pinned block.

A chain or a source that fails becomes a :class:`SourceProblem` that names it, and its part is left out: an empty answer
would read as "no position".
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from statistics import median

from alm_core.model.epochs import Epoch
from alm_core.model.errors import PoolNotFound, SourceError
from alm_core.model.market import (
    Block,
    ChainState,
    Holdings,
    MarketSnapshot,
    PoolMarket,
    PoolState,
    Position,
    SourceProblem,
    TokenBalance,
)
from alm_core.model.pools import Pool, Token
from alm_core.model.ports import Call, CallResult, ChainClient, DexAdapter, Fees, PoolMarketSource
from alm_resources.dex.erc20 import amount_from, balance_call
from alm_resources.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChainPart:
    """What one chain told; ``block`` is ``None`` where it failed."""

    chain_id: int
    block: Block | None = None
    fees: Fees | None = None
    pools: tuple[PoolState, ...] = ()
    holdings: Holdings | None = None
    problems: tuple[SourceProblem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _MarketPart:
    """What the market data service told."""

    markets: tuple[PoolMarket, ...]
    token_usd: Mapping[tuple[int, str], float]
    problems: tuple[SourceProblem, ...]


class SnapshotReader:
    """Reads snapshots.

    Parameters
    ----------
    registry
        Pools, wrapped natives.
    chains, adapters
        By chain id and by family.
    markets
        Volume, TVL and USD prices.
    """

    def __init__(
        self,
        registry: Registry,
        chains: Mapping[int, ChainClient],
        adapters: Mapping[str, DexAdapter],
        markets: PoolMarketSource,
    ) -> None:
        self._registry = registry
        self._chains = chains
        self._adapters = adapters
        self._markets = markets

    def read_snapshot(self, epoch: Epoch, wallet: str) -> MarketSnapshot:
        """Read all chains of the pair, at the same time, and the market data of its pools.

        Parameters
        ----------
        epoch
            Pair and time the snapshot is for.
        wallet
            Whose balances and positions are read.
        """
        pools = self._registry.pools_of(epoch.pair)
        chain_ids = sorted({pool.chain_id for pool in pools})
        with ThreadPoolExecutor(max_workers=max(len(chain_ids), 1)) as workers:
            parts = list(workers.map(self._read_chain, chain_ids, repeat(pools), repeat(wallet)))
        market = self._fetch_markets(pools, chain_ids)
        states, unpriced = self._chain_states(parts, market)
        return MarketSnapshot(
            pair=epoch.pair,
            epoch_at=epoch.epoch_at,
            quote_usd=_quote_usd(pools, market),
            chains=states,
            pools=tuple(state for part in parts for state in part.pools),
            markets=market.markets,
            holdings=tuple(part.holdings for part in parts if part.holdings),
            problems=(*(problem for part in parts for problem in part.problems), *market.problems, *unpriced),
        )

    def _read_chain(self, chain_id: int, pools: Sequence[Pool], wallet: str) -> _ChainPart:
        own = [pool for pool in pools if pool.chain_id == chain_id]
        try:
            return self._read_pinned(self._chains[chain_id], own, wallet)
        except SourceError as error:
            problem = SourceProblem(source=error.source, detail=error.detail)
            return _ChainPart(chain_id=chain_id, problems=(problem,))

    def _read_pinned(self, chain: ChainClient, pools: Sequence[Pool], wallet: str) -> _ChainPart:
        block = chain.read_block()
        tokens = _tokens_of(pools)
        batches = [self._adapters[pool.family].pool_calls(pool) for pool in pools]
        calls: list[Call] = [call for batch in batches for call in batch]
        results = chain.read_calls([*calls, *(balance_call(token.address, wallet) for token in tokens)], block)
        states, problems = self._pool_states(pools, batches, results, block)
        holdings = Holdings(
            block=block,
            wallet=wallet,
            native_wei=chain.read_native_balance(wallet, block),
            balances=tuple(
                TokenBalance(address=token.address, amount=amount_from(token, result))
                for token, result in zip(tokens, results[len(calls) :], strict=True)
            ),
            positions=self._positions(chain, states, wallet, block),
        )
        return _ChainPart(
            chain_id=chain.chain_id,
            block=block,
            fees=chain.read_fees(),
            pools=states,
            # Positions in a pool that could not be read are not known: then neither is the whole.
            holdings=None if problems else holdings,
            problems=problems,
        )

    def _pool_states(
        self, pools: Sequence[Pool], batches: Sequence[Sequence[Call]], results: Sequence[CallResult], block: Block
    ) -> tuple[tuple[PoolState, ...], tuple[SourceProblem, ...]]:
        states: list[PoolState] = []
        problems: list[SourceProblem] = []
        at = 0
        for pool, batch in zip(pools, batches, strict=True):
            answers = results[at : at + len(batch)]
            at += len(batch)
            try:
                states.append(self._adapters[pool.family].read_pool(pool, answers, block))
            except PoolNotFound as error:
                problems.append(SourceProblem(source=f"rpc:{pool.chain_id}", detail=str(error)))
        return tuple(states), tuple(problems)

    def _positions(
        self, chain: ChainClient, states: Sequence[PoolState], wallet: str, block: Block
    ) -> tuple[Position, ...]:
        found: list[Position] = []
        for family in sorted({state.pool.family for state in states}):
            own = [state for state in states if state.pool.family == family]
            found += self._adapters[family].read_positions(chain, own, wallet, block)
        return tuple(found)

    def _fetch_markets(self, pools: Sequence[Pool], chain_ids: Sequence[int]) -> _MarketPart:
        problems: list[SourceProblem] = []
        markets: tuple[PoolMarket, ...] = ()
        try:
            markets = self._markets.fetch_pools(pools)
        except SourceError as error:
            problems.append(SourceProblem(source=error.source, detail=error.detail))
        token_usd: dict[tuple[int, str], float] = {}
        for chain_id in chain_ids:
            wanted = {pool.quote.address for pool in pools if pool.chain_id == chain_id}
            wanted.add(self._registry.chain(chain_id).wrapped_native)
            try:
                prices = self._markets.fetch_token_usd(chain_id, sorted(wanted))
            except SourceError as error:
                problems.append(SourceProblem(source=error.source, detail=error.detail))
                continue
            token_usd |= {(chain_id, address.lower()): usd for address, usd in prices.items()}
        return _MarketPart(markets=markets, token_usd=token_usd, problems=tuple(problems))

    def _chain_states(
        self, parts: Sequence[_ChainPart], market: _MarketPart
    ) -> tuple[tuple[ChainState, ...], tuple[SourceProblem, ...]]:
        states: list[ChainState] = []
        problems: list[SourceProblem] = []
        for part in parts:
            if part.block is None or part.fees is None:
                continue
            config = self._registry.chain(part.chain_id)
            native_usd = market.token_usd.get((part.chain_id, config.wrapped_native.lower()))
            if native_usd is None:
                detail = f"no USD price of {config.native_symbol} on chain {part.chain_id}: gas cannot be valued"
                problems.append(SourceProblem(source="native price", detail=detail))
                continue
            states.append(
                ChainState(
                    block=part.block,
                    base_fee_wei=part.fees.base_fee_wei,
                    priority_fee_wei=part.fees.priority_fee_wei,
                    native_usd=native_usd,
                )
            )
        return tuple(states), tuple(problems)


def _tokens_of(pools: Sequence[Pool]) -> list[Token]:
    by_address = {token.address: token for pool in pools for token in (pool.token0, pool.token1)}
    return [by_address[address] for address in sorted(by_address)]


def _quote_usd(pools: Sequence[Pool], market: _MarketPart) -> float | None:
    """Median over the chains; a quote token whose price one chain's market distorts does not carry the rest."""
    keys = {(pool.chain_id, pool.quote.address.lower()) for pool in pools}
    known = [market.token_usd[key] for key in sorted(keys) if key in market.token_usd]
    return median(known) if known else None
