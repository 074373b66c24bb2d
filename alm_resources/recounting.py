"""Reads a wallet's day from a chain that keeps its state, for a recount that trusts no book."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol, runtime_checkable

from alm_core.accounting.postings import Place
from alm_core.accounting.recount import ChainDay
from alm_core.execution.erc20 import address_word, uint_word
from alm_core.execution.position_logs import TRANSFER_BATCH_TOPIC, TRANSFER_SINGLE_TOPIC
from alm_core.execution.stake_logs import GROWING_TOPICS, StakeSources, stake_moves
from alm_core.model.chain_ports import ChainClient
from alm_core.model.errors import InvalidInput
from alm_core.model.market import Block
from alm_core.model.pools import Pool
from alm_core.model.transactions import FoundLog
from alm_resources.chains.answers import block_from
from alm_resources.chains.sent import sent_transactions
from alm_resources.history.archive import PastBlocks, PastChain

_DAY = timedelta(days=1)


@runtime_checkable
class DayChain(PastChain, ChainClient, Protocol):
    """A chain with its past (:class:`alm_resources.chains.Web3Chain`)."""

    @property
    def read(self) -> Callable[..., object]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose day is counted, and by what.

    Parameters
    ----------
    wallet
        The wallet.
    pools
        Whose position managers and pairs are believed.
    tokens
        Addresses of tokens whose transfers are looked for.
    known
        Positions that others may have added to on the day, besides those of the day itself.
    begins
        Block at which the books were opened; ``None`` where they are older than any day that is asked for.
    """

    wallet: str
    pools: Sequence[Pool]
    tokens: Collection[str]
    known: Collection[Place] = ()
    begins: Block | None = None


def read_day(chain: DayChain, subject: Subject, day: date) -> ChainDay:
    """Read all that a chain tells of a wallet's day.

    Parameters
    ----------
    chain
        Its nodes must have the state of the day's first and last block: nonces and native balances are asked there.
    subject
        Whose day; on that of its beginning, what was before is left out.
    day
        By UTC; a day that is not over is read up to the head.

    Raises
    ------
    InvalidInput
        If the day has not begun on the chain, or was over when the books were opened.
    SourceUnavailable
        If a node does not answer or does not keep the state.
    """
    first, last = day_blocks(chain, day, subject.begins)
    wallet, source = subject.wallet, f"rpc:{chain.chain_id}"
    sent = sent_transactions(chain.read, source, wallet, first.number + 1, last.number)
    sources = StakeSources(
        owner=wallet.lower(),
        keepers=frozenset(pool.keeper.lower() for pool in subject.pools),
        pool_managers=frozenset(pool.factory.lower() for pool in subject.pools),
    )
    own = {place for one in sent for _, place, _ in stake_moves(one.receipt.logs, sources)}
    return ChainDay(
        chain_id=chain.chain_id,
        wallet=wallet,
        first_block=first.number + 1,
        last_block=last.number,
        native_before=chain.read_native_balance(wallet, first),
        native_after=chain.read_native_balance(wallet, last),
        transfers=chain.read_transfers(sorted(subject.tokens), wallet, first.number + 1, last.number),
        sent=sent,
        events=_events(chain, sources, own | set(subject.known), (first.number + 1, last.number)),
        sources=sources,
    )


def day_blocks(chain: DayChain, day: date, begins: Block | None = None) -> tuple[Block, Block]:
    """Return the last block before a day, or that at which the books began on it, and its last block, or the head."""
    begins_at = datetime.combine(day, time(), tzinfo=UTC)
    head, past = chain.read_block(), PastBlocks(chain)
    if head.block_at < begins_at:
        raise InvalidInput(f"chain {chain.chain_id} is at {head.block_at.isoformat()}: {day} has not begun there")
    if begins is not None and begins.block_at >= begins_at + _DAY:
        raise InvalidInput(f"chain {chain.chain_id}: the books were opened at block {begins.number}, after {day}")
    within = begins is not None and begins.block_at >= begins_at
    first = begins if within and begins is not None else past.last_before(begins_at)
    return first, head if head.block_at < begins_at + _DAY else past.last_before(begins_at + _DAY)


def block_named(chain: DayChain, block_hash: str) -> Block | None:
    """Return the header of a block by its hash; ``None`` where the chain has it no more."""
    answer = chain.read("eth_getBlockByHash", block_hash, False)
    return None if answer is None else block_from(answer, chain.chain_id, f"rpc:{chain.chain_id}")


def _events(
    chain: DayChain, sources: StakeSources, places: Collection[Place], span: tuple[int, int]
) -> tuple[FoundLog, ...]:
    """Events by which positions grew, whoever did it, and all by which bins came and went."""
    bins, own = (TRANSFER_BATCH_TOPIC, TRANSFER_SINGLE_TOPIC), "0x" + address_word(sources.owner)
    found: list[FoundLog] = []
    for keeper in sorted(sources.keepers):
        ids = tuple("0x" + uint_word(token_id) for at, token_id in sorted(places) if at == keeper)
        if ids:
            found += chain.read_logs([keeper], (GROWING_TOPICS, ids), *span)
        found += chain.read_logs([keeper], (bins, None, None, own), *span)
        found += chain.read_logs([keeper], (bins, None, own), *span)
    return tuple(found)
