"""Pools as they were: their state at the last block before a past moment, from nodes that keep old state.

What services said then is not known and not made up: no market figures, no USD prices, no fees, no holdings.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from alm_core.model.epochs import Epoch
from alm_core.model.errors import SourceError, SourceUnavailable
from alm_core.model.market import Block, MarketSnapshot, PoolState, SourceProblem
from alm_core.model.pools import Pool
from alm_core.model.ports import Call, CallResult, ChainClient, HeadReading
from alm_resources.dex.readers import PoolBatch, PoolReader, further_results, pool_readers

SOURCE = "history backfill"
UNKNOWN_THEN = "read afterwards at past blocks: volumes, USD prices, gas and holdings of that time are not known"
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

        A pool that was not there yet is a problem in the snapshot, which names it. A chain that cannot be read makes no
        snapshot: its part would stay missing for good.

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
        if not any(states for states, _ in parts):
            detail = "; ".join(problem.detail for _, problems in parts for problem in problems) or "no pools are known"
            raise SourceUnavailable(SOURCE, f"no pool of {epoch.epoch_id} was there: {detail}")
        return MarketSnapshot(
            pair=epoch.pair,
            epoch_at=epoch.epoch_at,
            quote_usd=None,
            chains=(),
            pools=tuple(state for states, _ in parts for state in states),
            markets=(),
            holdings=(),
            problems=(
                SourceProblem(source=SOURCE, detail=UNKNOWN_THEN),
                *(problem for _, problems in parts for problem in problems),
            ),
        )

    def _read_chain(
        self, chain_id: int, pools: Sequence[Pool], at: datetime
    ) -> tuple[tuple[PoolState, ...], tuple[SourceProblem, ...]]:
        if chain_id not in self._chains:
            raise SourceUnavailable(f"rpc:{chain_id}", "there is no client of this chain that reads past blocks")
        block = self._blocks[chain_id].last_before(at)
        batch = PoolBatch(pools, self._readers)
        try:
            reading = HeadReading(block=block, results=self._chains[chain_id].read_calls(batch.calls, block))
            further = further_results(batch, reading, self._chains[chain_id])
        except SourceError as error:
            detail = (
                f"state of block {block.number} ({block.block_at.isoformat()}) cannot be read: {error.detail}; past "
                f"snapshots need an archive node: give one first in [chains.{chain_id}] rpc of the registry overlay"
            )
            raise SourceUnavailable(error.source, detail) from error
        return batch.states(reading, further)


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
