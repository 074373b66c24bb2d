"""Everything an epoch sees of chains, pools and its own wallet, each chain at one pinned block.

A chain or a source that fails becomes a :class:`SourceProblem` that names it, and its part is left out: an empty answer
would read as "no position".

Requests to a chain: one for pools, balances and counts of positions; one for every two pools whose ticks are recorded;
one for the header, which proves that all reads are of one block; one for fees; three more only where the wallet has
positions, and some where a pool names a gauge or a farm.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

from alm_core.model.chain_ports import Call, CallResult, ChainClient, Fees
from alm_core.model.dex_ports import DexAdapter
from alm_core.model.epochs import Epoch
from alm_core.model.errors import BadAnswer, SourceError
from alm_core.model.market import (
    Block,
    BridgeCost,
    ChainState,
    Holdings,
    InTransit,
    MarketSnapshot,
    PoolRefusal,
    PoolState,
    Position,
    SourceProblem,
    TokenBalance,
)
from alm_core.model.pools import Pool, Token
from alm_core.model.ports import PoolMarketSource
from alm_core.model.rewards import RewardYield, StakingProgramme, read_staked
from alm_resources.chains.multicall import ETH_BALANCE
from alm_resources.dex.erc20 import amount_from, balance_call
from alm_resources.dex.readers import PoolBatch, further_results, with_ticks
from alm_resources.dex.reward_yields import read_yields, with_rewards
from alm_resources.dex.usd import MarketFigures, fetch_figures
from alm_resources.registry import Registry
from alm_resources.tokens.pools import PoolScreen


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChainPart:
    """What one chain told; ``block`` is ``None`` where it failed."""

    chain_id: int
    block: Block | None = None
    fees: Fees | None = None
    pools: tuple[PoolState, ...] = ()
    holdings: Holdings | None = None
    yields: tuple[RewardYield, ...] = ()
    problems: tuple[SourceProblem, ...] = ()
    refusals: tuple[PoolRefusal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _WalletCalls:
    """What is asked of a wallet along with the pools: native coin, tokens, and each manager for its count."""

    tokens: tuple[Token, ...]
    managers: tuple[str, ...]
    calls: tuple[Call, ...]

    @classmethod
    def of(cls, pools: Sequence[Pool], wallet: str, multicall3: str) -> "_WalletCalls":
        by_address = {token.address: token for pool in pools for token in (pool.token0, pool.token1)}
        tokens = tuple(by_address[address] for address in sorted(by_address))
        managers = tuple(sorted({pool.position_manager for pool in pools}))
        balances = [balance_call(token.address, wallet) for token in tokens]
        counts = [replace(balance_call(manager, wallet), may_fail=True) for manager in managers]
        return cls(tokens=tokens, managers=managers, calls=(ETH_BALANCE.call(multicall3, wallet), *balances, *counts))

    def decoded(
        self, results: Sequence[CallResult], chain_id: int
    ) -> tuple[int, tuple[TokenBalance, ...], dict[str, CallResult]]:
        """Return native coin, balances, and each manager's answer."""
        native, balances, counts = results[0], results[1 : 1 + len(self.tokens)], results[1 + len(self.tokens) :]
        return (
            int(ETH_BALANCE.answer(native.data, f"native balance of chain {chain_id}")[0]),
            tuple(
                TokenBalance(address=token.address, amount=amount_from(token, result))
                for token, result in zip(self.tokens, balances, strict=True)
            ),
            dict(zip(self.managers, counts, strict=True)),
        )


class TransitReader(Protocol):
    """Tells what is on its way between chains."""

    def __call__(
        self, pair_id: str, wallet: str, pools: Sequence[Pool], heads: Mapping[int, int]
    ) -> tuple[InTransit, ...]:
        """Return what balances at these blocks do not have (:func:`alm_core.execution.transfers.value_in_transit`)."""
        ...


class PassageReader(Protocol):
    """Tells what crossing from one chain to another costs."""

    def read_costs(self, snapshot: MarketSnapshot, wallet: str) -> tuple[BridgeCost, ...]:
        """Return the costs of the ways that are known."""
        ...


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
    screen
        Looks at the tokens of pools; without one nothing is refused.
    programmes
        What holds positions for the wallet, in pools that name it.
    transit
        Tells what is on its way between chains; ``None`` where nothing can be.
    passages
        Tells what crossing costs; ``None`` where nothing crosses.
    """

    def __init__(
        self,
        registry: Registry,
        chains: Mapping[int, ChainClient],
        adapters: Mapping[str, DexAdapter],
        markets: PoolMarketSource,
        screen: PoolScreen | None = None,
        programmes: Sequence[StakingProgramme] = (),
        transit: TransitReader | None = None,
        passages: PassageReader | None = None,
    ) -> None:
        self._transit = transit
        self._passages = passages
        self._registry = registry
        self._chains = chains
        self._adapters = adapters
        self._markets = markets
        self._screen = screen
        self._programmes = tuple(programmes)

    def read_snapshot(self, epoch: Epoch, wallet: str) -> MarketSnapshot:
        """Read all chains of the pair and the market data of its pools, at the same time.

        Parameters
        ----------
        epoch
            Pair and time the snapshot is for.
        wallet
            Whose balances and positions are read.
        """
        pools = self._registry.pools_of(epoch.pair)
        chain_ids = sorted({pool.chain_id for pool in pools})
        natives = {chain_id: self._registry.chain(chain_id).wrapped_native for chain_id in chain_ids}
        with ThreadPoolExecutor(max_workers=len(chain_ids) + 1) as workers:
            fetching = workers.submit(fetch_figures, pools, natives, self._markets)
            reading = [workers.submit(self._read_chain, chain_id, pools, wallet) for chain_id in chain_ids]
            figures = fetching.result()
            parts = [part.result() for part in reading]
        read = tuple(state for part in parts for state in part.pools)
        yields = [paid for part in parts for paid in part.yields]
        figures = with_rewards(figures, read, yields, self._markets, self._registry)
        states, unpriced = self._chain_states(parts, figures)
        in_transit, unknown = self._in_transit(epoch.pair, wallet, pools, parts)
        snapshot = MarketSnapshot(
            pair=epoch.pair,
            epoch_at=epoch.epoch_at,
            quote_usd=figures.quote_usd(pools),
            chains=states,
            pools=read,
            markets=figures.markets,
            holdings=tuple(part.holdings for part in parts if part.holdings),
            problems=(
                *(problem for part in parts for problem in part.problems),
                *figures.problems,
                *unpriced,
                *unknown,
            ),
            refusals=tuple(refused for part in parts for refused in part.refusals),
            in_transit=in_transit,
        )
        if self._passages is None or snapshot.problems:
            return snapshot
        return replace(snapshot, bridge_costs=self._passages.read_costs(snapshot, wallet))

    def _in_transit(
        self, pair_id: str, wallet: str, pools: Sequence[Pool], parts: Sequence[_ChainPart]
    ) -> tuple[tuple[InTransit, ...], tuple[SourceProblem, ...]]:
        """Return what is on its way; where nobody can tell, the value of everything is unknown, not less."""
        if self._transit is None:
            return (), ()
        heads = {part.chain_id: part.block.number for part in parts if part.block is not None}
        try:
            return self._transit(pair_id, wallet, pools, heads), ()
        except SourceError as error:
            return (), (SourceProblem(source=error.source, detail=f"transfers between chains: {error.detail}"),)

    def _read_chain(self, chain_id: int, pools: Sequence[Pool], wallet: str) -> _ChainPart:
        own = [pool for pool in pools if pool.chain_id == chain_id]
        try:
            return self._read_pinned(self._chains[chain_id], own, wallet)
        except SourceError as error:
            problem = SourceProblem(source=error.source, detail=error.detail)
            return _ChainPart(chain_id=chain_id, problems=(problem,))

    def _read_pinned(self, chain: ChainClient, pools: Sequence[Pool], wallet: str) -> _ChainPart:
        asked = _WalletCalls.of(pools, wallet, self._registry.chain(chain.chain_id).multicall3)
        batch = PoolBatch(pools, self._adapters, asked.calls)
        reading = chain.read_head(batch.calls)
        states, problems = batch.states(reading, further_results(batch, reading, chain))
        states = with_ticks(states, self._adapters, chain, reading.block)
        native_wei, balances, counted = asked.decoded(batch.others(reading), chain.chain_id)
        # Positions in a pool that could not be read are not known: then neither is the whole.
        positions = None if problems else self._positions(chain, states, counted, wallet, reading.block)
        try:
            staked = read_staked(self._programmes, chain, states, wallet, reading.block)
        except BadAnswer as error:
            # A gauge that is not what the registry says hides what it holds, not the pools.
            positions, staked = None, ()
            problems = (*problems, SourceProblem(source=error.source, detail=error.detail))
        staking = read_yields(self._programmes, chain, states, reading.block)
        block = chain.read_header(reading.block)
        holdings = None
        if positions is not None:
            holdings = Holdings(
                block=block, wallet=wallet, native_wei=native_wei, balances=balances, positions=(*positions, *staked)
            )
        return _ChainPart(
            chain_id=chain.chain_id,
            block=block,
            fees=chain.read_fees(),
            pools=tuple(replace(state, block=block) for state in states),
            holdings=holdings,
            yields=staking.yields,
            problems=(*problems, *staking.problems),
            refusals=self._screen.refused(chain, pools, wallet, block) if self._screen else (),
        )

    def _positions(
        self,
        chain: ChainClient,
        states: Sequence[PoolState],
        counted: Mapping[str, CallResult],
        wallet: str,
        block: Block,
    ) -> tuple[Position, ...]:
        found: list[Position] = []
        for family in sorted({state.pool.family for state in states}):
            own = [
                state
                for state in states
                if state.pool.family == family and not _holds_none(counted[state.pool.position_manager])
            ]
            if own:
                found += self._adapters[family].read_positions(chain, own, wallet, block)
        return tuple(found)

    def _chain_states(
        self, parts: Sequence[_ChainPart], figures: MarketFigures
    ) -> tuple[tuple[ChainState, ...], tuple[SourceProblem, ...]]:
        states: list[ChainState] = []
        problems: list[SourceProblem] = []
        for part in parts:
            if part.block is None or part.fees is None:
                continue
            config = self._registry.chain(part.chain_id)
            native_usd = figures.native_usd(part.chain_id, config.wrapped_native)
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


def _holds_none(count: CallResult) -> bool:
    """Whether a position manager says that the wallet owns nothing; anything but a plain zero leaves it open."""
    return count.succeeded and count.data == bytes(32)
