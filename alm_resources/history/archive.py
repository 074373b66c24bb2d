"""Pools as they were: their state at the last block before a past moment, from nodes that keep old state.

An old block tells pools and gas. What services said then is not known and not made up: no market figures, no USD
prices, no holdings. A backtest may be told to assume the prices (:mod:`alm_core.backtest.assumed`).
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from alm_core.backtest.assumed import READ_AFTERWARDS
from alm_core.model.chain_ports import Call, CallResult, ChainClient, Fees, HeadReading
from alm_core.model.epochs import Epoch
from alm_core.model.errors import BadAnswer, SourceError, SourceUnavailable
from alm_core.model.market import Block, ChainState, MarketSnapshot, PoolState, SourceProblem
from alm_core.model.pools import Pool
from alm_resources.dex.readers import PoolBatch, PoolReader, further_results, pool_readers, with_ticks

SOURCE = READ_AFTERWARDS
UNKNOWN_THEN = "read afterwards at past blocks: volumes, USD prices and holdings of that time are not known"
NOT_THERE = ("pool at this address", "is not initialised: it has no price")
"""How readers say that a pool was not deployed or not begun at a block; anything else is wrong with what is there."""
FIRST_STEP = 1_000


@runtime_checkable
class PastChain(Protocol):
    """A chain that can be read at past blocks (:class:`alm_resources.chains.Web3Chain`)."""

    @property
    def chain_id(self) -> int: ...

    def read_block(self) -> Block:
        """Read the head."""
        ...

    def read_block_at(self, number: int) -> Block:
        """Read the header of a block by its number."""
        ...

    def read_calls(self, calls: Sequence[Call], block: Block) -> tuple[CallResult, ...]:
        """Answer all calls at one block."""
        ...


@runtime_checkable
class PastFees(Protocol):
    """A chain that tells what gas cost at past blocks (:class:`alm_resources.chains.Web3Chain`)."""

    def read_fees_at(self, block: Block) -> Fees:
        """Read what the chain asked for gas at a block."""
        ...


class PairPools(Protocol):
    """The registry, as far as it is needed here."""

    def pools_of(self, pair_id: str) -> Sequence[Pool]: ...


class ArchiveSnapshots:
    """Snapshots of epochs that are over.

    Parameters
    ----------
    registry
        Pools of a pair.
    chains, readers
        By chain id and by family.
    """

    def __init__(self, registry: PairPools, chains: Mapping[int, PastChain], readers: Mapping[str, PoolReader]) -> None:
        self._registry = registry
        self._blocks = {chain_id: PastBlocks(chain) for chain_id, chain in chains.items()}
        self._chains = chains
        self._readers = readers

    def read_past_snapshot(self, epoch: Epoch) -> MarketSnapshot:
        """Read the pools of a pair at the last block before an epoch.

        A pool that was not there yet is named in the snapshot's problems, which are of :data:`SOURCE` where nothing is
        wrong. A chain that cannot be read makes no snapshot: its part would stay missing for good. Only where it tells
        no fee of that time is it without one, and the problem says so.

        Raises
        ------
        SourceUnavailable
            If a chain does not answer, had no block yet, or keeps no state of that block.
        """
        pools = self._registry.pools_of(epoch.pair)
        parts = [
            self._read_chain(chain_id, [pool for pool in pools if pool.chain_id == chain_id], epoch.epoch_at)
            for chain_id in sorted({pool.chain_id for pool in pools})
        ]
        problems = tuple(problem for part in parts for problem in part.problems)
        if not any(part.pools for part in parts):
            detail = "; ".join(problem.detail for problem in problems) or "no pools are known"
            raise SourceUnavailable(SOURCE, f"no pool of {epoch.epoch_id} was there: {detail}")
        return MarketSnapshot(
            pair=epoch.pair,
            epoch_at=epoch.epoch_at,
            quote_usd=None,
            chains=tuple(part.chain for part in parts if part.chain is not None),
            pools=tuple(state for part in parts for state in part.pools),
            markets=(),
            holdings=(),
            problems=(SourceProblem(source=SOURCE, detail=UNKNOWN_THEN), *problems),
        )

    def _read_chain(self, chain_id: int, pools: Sequence[Pool], at: datetime) -> "_Part":
        if chain_id not in self._chains:
            raise SourceUnavailable(f"rpc:{chain_id}", "there is no client of this chain that reads past blocks")
        block = self._blocks[chain_id].last_before(at)
        batch = PoolBatch(pools, self._readers)
        try:
            reading = HeadReading(block=block, results=self._chains[chain_id].read_calls(batch.calls, block))
            further = further_results(batch, reading, self._chains[chain_id])
            states, problems = batch.states(reading, further)
            states = with_ticks(states, self._readers, self._chains[chain_id], block)
        except SourceError as error:
            detail = (
                f"state of block {block.number} ({block.block_at.isoformat()}) cannot be read: {error.detail}; past "
                f"snapshots need an archive node: give one first in [chains.{chain_id}] rpc of the registry overlay"
            )
            raise SourceUnavailable(error.source, detail) from error
        chain, unpriced = self._gas_of(block)
        return _Part(chain=chain, pools=states, problems=(*map(_not_there, problems), *unpriced))

    def _gas_of(self, block: Block) -> tuple[ChainState | None, tuple[SourceProblem, ...]]:
        """Return what gas cost at a block, in native coin; a chain that cannot tell is a problem."""
        chain, source = self._chains[block.chain_id], f"rpc:{block.chain_id}"
        if not isinstance(chain, PastFees):
            return None, (SourceProblem(source=source, detail="no client tells what gas cost at past blocks"),)
        try:
            fees = chain.read_fees_at(block)
        except BadAnswer as error:
            return None, (SourceProblem(source=error.source, detail=error.detail),)
        state = ChainState(
            block=block, base_fee_wei=fees.base_fee_wei, priority_fee_wei=fees.priority_fee_wei, native_usd=None
        )
        return state, ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """What one chain told of a past block."""

    chain: ChainState | None
    pools: tuple[PoolState, ...]
    problems: tuple[SourceProblem, ...]


def _not_there(problem: SourceProblem) -> SourceProblem:
    """Return the problem of a pool as one of :data:`SOURCE` if it was only not there yet."""
    if any(words in problem.detail for words in NOT_THERE):
        return SourceProblem(source=SOURCE, detail=problem.detail)
    return problem


def archive_of(registry: PairPools, chains: Mapping[int, ChainClient]) -> ArchiveSnapshots:
    """Return the snapshots of those chains of a registry that can be read at past blocks."""
    past = {chain_id: chain for chain_id, chain in chains.items() if isinstance(chain, PastChain)}
    return ArchiveSnapshots(registry, past, pool_readers())


class PastBlocks:
    """Finds blocks of a chain by time, in few requests where moments are asked for in order."""

    def __init__(self, chain: PastChain) -> None:
        self._chain = chain
        self._known: list[Block] = []

    def last_before(self, at: datetime) -> Block:
        """Return the last block whose time is before a moment.

        Raises
        ------
        SourceUnavailable
            If the chain had no block then, or does not answer.
        """
        low, high = self._bounds(at)
        halve = False
        while high.number - low.number > 1:
            middle = self._read(_middle(low, high, at, halve=halve))
            # A guess that left most of the span on its side is followed by a halving: time does not run evenly.
            span = high.number - low.number
            low, high = (middle, high) if middle.block_at < at else (low, middle)
            halve = (high.number - low.number) * 2 > span
        return low

    def _bounds(self, at: datetime) -> tuple[Block, Block]:
        """Return a block before a moment and one that is not, as close as is known without searching."""
        place = bisect_left(self._known, at, key=lambda block: block.block_at)
        high = self._known[place] if place < len(self._known) else self._head(at)
        return (self._known[place - 1] if place else self._before(at, high)), high

    def _head(self, at: datetime) -> Block:
        head = self._chain.read_block()
        if head.block_at < at:
            detail = f"the last block is of {head.block_at.isoformat()}, {at.isoformat()} is not over there"
            raise SourceUnavailable(f"rpc:{self._chain.chain_id}", detail)
        return self._keep(head)

    def _before(self, at: datetime, high: Block) -> Block:
        """Step back from a block, ever farther, until the time is passed."""
        step, low = FIRST_STEP, high
        while low.block_at >= at:
            if low.number == 0:
                detail = f"the chain had no block before {at.isoformat()}"
                raise SourceUnavailable(f"rpc:{self._chain.chain_id}", detail)
            low, step = self._read(max(low.number - step, 0)), step * 4
        return low

    def _read(self, number: int) -> Block:
        return self._keep(self._chain.read_block_at(number))

    def _keep(self, block: Block) -> Block:
        place = bisect_left(self._known, block.number, key=lambda known: known.number)
        if place == len(self._known) or self._known[place].number != block.number:
            self._known.insert(place, block)
        return block


def _middle(low: Block, high: Block, at: datetime, *, halve: bool) -> int:
    """Return a number strictly between two blocks: where even block times would put the moment, or the middle."""
    span = high.number - low.number
    if halve or high.block_at <= low.block_at:
        return low.number + span // 2
    share = (at - low.block_at) / (high.block_at - low.block_at)
    return min(max(low.number + int(span * share), low.number + 1), high.number - 1)
