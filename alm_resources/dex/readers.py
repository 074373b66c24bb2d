"""Pools of any family at the head of their chains: one request per chain, whatever the families of its pools."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from alm_core.model.chain_ports import Call, CallResult, HeadReading
from alm_core.model.dex_ports import ReadsInTwoSteps, TellsTicks
from alm_core.model.errors import PoolNotFound, SourceError
from alm_core.model.market import Block, PoolState, SourceProblem
from alm_core.model.pools import Pool
from alm_resources.dex import adapters


class PoolReader(Protocol):
    """How pools of one family are read; every adapter is one."""

    @property
    def family(self) -> str:
        """Name in the registry."""
        ...

    def pool_calls(self, pool: Pool) -> tuple[Call, ...]:
        """Return the reads of one pool."""
        ...

    def read_pool(self, pool: Pool, results: Sequence[CallResult], block: Block) -> PoolState:
        """Decode the answers.

        Raises
        ------
        PoolNotFound
            If the contract is not the pool the registry describes.
        """
        ...


class HeadReader(Protocol):
    """What reading pools needs of a chain; every :class:`~alm_core.model.chain_ports.ChainClient` has it."""

    def read_head(self, calls: Sequence[Call]) -> HeadReading:
        """Answer all calls and tell the block, in one request."""
        ...

    def read_calls(self, calls: Sequence[Call], block: Block) -> tuple[CallResult, ...]:
        """Answer calls at that block."""
        ...


def pool_readers() -> dict[str, PoolReader]:
    """Return the reader of every family that can be read, by the name the registry uses: its adapter.

    Examples
    --------
    >>> pool_readers()["slipstream"].family
    'slipstream'
    """
    return {**adapters()}


class PoolBatch:
    """Calls that read pools of one chain, and others along with them; a call that several need is made once.

    Parameters
    ----------
    pools, readers
        Pools of one chain; a family without reader becomes a problem of its pools.
    others
        Other calls to be answered at the same block.
    """

    def __init__(self, pools: Sequence[Pool], readers: Mapping[str, PoolReader], others: Sequence[Call] = ()) -> None:
        self._parts = [
            (pool, readers[pool.family], readers[pool.family].pool_calls(pool))
            for pool in pools
            if pool.family in readers
        ]
        self._unread = [pool for pool in pools if pool.family not in readers]
        self._others = tuple(others)
        wanted = [call for _, _, calls in self._parts for call in calls]
        self.calls = tuple(dict.fromkeys((*wanted, *self._others)))
        """Each call once, in order of first use."""

    def further(self, reading: HeadReading) -> tuple[Call, ...]:
        """Return what the answers ask for next, at the same block; nearly always nothing."""
        return tuple(dict.fromkeys(call for calls in self._further(reading) for call in calls))

    def states(
        self, reading: HeadReading, further: Sequence[CallResult] = ()
    ) -> tuple[tuple[PoolState, ...], tuple[SourceProblem, ...]]:
        """Decode the pools; one that cannot be read is a problem that names it, and the others are read.

        ``further`` are the answers to :meth:`further`.
        """
        answers = self._answers(reading)
        more = dict(zip(self.further(reading), further, strict=True))
        states: list[PoolState] = []
        problems = [_unread(pool) for pool in self._unread]
        for (pool, reader, calls), next_calls in zip(self._parts, self._further(reading), strict=True):
            results = [*(answers[call] for call in calls), *(more[call] for call in next_calls)]
            try:
                states.append(reader.read_pool(pool, results, reading.block))
            except (PoolNotFound, SourceError) as error:
                problems.append(SourceProblem(source=f"rpc:{pool.chain_id}", detail=str(error)))
        return tuple(states), tuple(problems)

    def others(self, reading: HeadReading) -> tuple[CallResult, ...]:
        """Return the answers to the other calls, in their order."""
        answers = self._answers(reading)
        return tuple(answers[call] for call in self._others)

    def _further(self, reading: HeadReading) -> list[tuple[Call, ...]]:
        answers = self._answers(reading)
        return [
            reader.further_calls(pool, [answers[call] for call in calls]) if isinstance(reader, ReadsInTwoSteps) else ()
            for pool, reader, calls in self._parts
        ]

    def _answers(self, reading: HeadReading) -> dict[Call, CallResult]:
        return dict(zip(self.calls, reading.results, strict=True))


class CallReader(Protocol):
    """What the second step of a reading needs of a chain."""

    def read_calls(self, calls: Sequence[Call], block: Block) -> tuple[CallResult, ...]:
        """Answer calls at a block."""
        ...


def with_ticks(
    states: Sequence[PoolState], readers: Mapping[str, PoolReader], chain: CallReader, block: Block
) -> tuple[PoolState, ...]:
    """Return states of pools with the ticks around their prices, where their families tell them.

    Only backtests read them: where they cannot be had the states stay as they are, and nothing is held for it.

    Parameters
    ----------
    states
        Of pools of one chain.
    readers
        By family.
    chain, block
        Where and when the states were read; no request where no family tells ticks.
    """
    telling = [(state, readers[state.pool.family]) for state in states]
    asked = [reader.tick_calls(state) if isinstance(reader, TellsTicks) else () for state, reader in telling]
    calls = [call for one in asked for call in one]
    try:
        results = iter(chain.read_calls(calls, block) if calls else ())
        return tuple(
            reader.with_ticks(state, [next(results) for _ in calls]) if isinstance(reader, TellsTicks) else state
            for (state, reader), calls in zip(telling, asked, strict=True)
        )
    except SourceError:
        return tuple(states)


def further_results(batch: PoolBatch, reading: HeadReading, chain: CallReader) -> tuple[CallResult, ...]:
    """Answer what a batch asks for next; no request where that is nothing."""
    calls = batch.further(reading)
    return chain.read_calls(calls, reading.block) if calls else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolReading:
    """Pools that could be read, in the order asked for, and what was wrong with the others."""

    states: tuple[PoolState, ...]
    problems: tuple[SourceProblem, ...]


def read_pools(
    pools: Sequence[Pool], chains: Mapping[int, HeadReader], readers: Mapping[str, PoolReader]
) -> PoolReading:
    """Read pools of many chains at the same time, with one request per chain.

    Parameters
    ----------
    pools
        Of any chains and families.
    chains, readers
        By chain id and by family. What is missing becomes a problem of the pools that need it.
    """
    chain_ids = sorted({pool.chain_id for pool in pools})

    def read_chain(chain_id: int) -> PoolReading:
        own = [pool for pool in pools if pool.chain_id == chain_id]
        return _read_chain(own, chains.get(chain_id), readers)

    with ThreadPoolExecutor(max_workers=max(len(chain_ids), 1)) as workers:
        parts = list(workers.map(read_chain, chain_ids))
    found = {state.pool.pool_id: state for part in parts for state in part.states}
    return PoolReading(
        states=tuple(found[pool.pool_id] for pool in pools if pool.pool_id in found),
        problems=tuple(problem for part in parts for problem in part.problems),
    )


def _read_chain(pools: Sequence[Pool], chain: HeadReader | None, readers: Mapping[str, PoolReader]) -> PoolReading:
    source = f"rpc:{pools[0].chain_id}"
    if chain is None:
        detail = f"no client of the chain of {len(pools)} pools"
        return PoolReading(states=(), problems=(SourceProblem(source=source, detail=detail),))
    batch = PoolBatch(pools, readers)
    if not batch.calls:
        return PoolReading(states=(), problems=tuple(_unread(pool) for pool in pools))
    try:
        reading = chain.read_head(batch.calls)
        further = further_results(batch, reading, chain)
    except SourceError as error:
        return PoolReading(states=(), problems=(SourceProblem(source=error.source, detail=error.detail),))
    states, problems = batch.states(reading, further)
    return PoolReading(states=states, problems=problems)


def _unread(pool: Pool) -> SourceProblem:
    detail = f"pool {pool.pool_id}: no reader of the family {pool.family!r} yet"
    return SourceProblem(source=f"rpc:{pool.chain_id}", detail=detail)
