"""Port to a DEX: what the core asks of its adapter. Classes of ``alm_resources`` satisfy it structurally."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from alm_core.model.chain_ports import Call, CallResult, ChainClient
from alm_core.model.market import Block, PoolState, Position
from alm_core.model.pools import Pool
from alm_core.model.transactions import UnsignedTransaction


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceInterval:
    """Square-root prices around the pinned one within which a mint or burn must still succeed."""

    sqrt_lower_x96: int
    sqrt_upper_x96: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidityQuote:
    """What an amount pair buys in a range at a price, rounded as the contract rounds."""

    liquidity: int
    amount0: int
    amount1: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A right a contract must have before a payload can succeed: given exactly, taken back afterwards.

    ``remaining`` reads what is left of it; the first word of the answer is zero when nothing is.
    """

    give: UnsignedTransaction
    revoke: UnsignedTransaction
    remaining: Call


@runtime_checkable
class ReadsInTwoSteps(Protocol):
    """What an adapter has besides whose pools cannot be read at once: the first answers tell what is asked next.

    Such an adapter's ``read_pool`` is given the first answers and then the further ones.
    """

    def further_calls(self, pool: Pool, results: Sequence[CallResult]) -> tuple[Call, ...]:
        """Calls that the answers to ``pool_calls`` ask for, at the same block; none where those are of no pool."""
        ...


@runtime_checkable
class TellsTicks(Protocol):
    """What an adapter has besides whose pools keep fee growth by tick: that is recorded, nothing is executed by it."""

    def tick_calls(self, state: PoolState) -> tuple[Call, ...]:
        """Calls that read the ticks around the pool's price; answered at the block of the state."""
        ...

    def with_ticks(self, state: PoolState, results: Sequence[CallResult]) -> PoolState:
        """Return the state with what the answers tell.

        Raises
        ------
        BadAnswer
            If an answer is none.
        """
        ...


class DexAdapter(Protocol):
    """One DEX family. Plans are unsigned transactions with expected effects; nothing is sent here."""

    @property
    def family(self) -> str: ...

    def pool_calls(self, pool: Pool) -> tuple[Call, ...]:
        """Calls that read one pool; answered together at one pinned block."""
        ...

    def read_pool(self, pool: Pool, results: Sequence[CallResult], block: Block) -> PoolState:
        """Decode the answers.

        Raises
        ------
        PoolNotFound
            If the contract is not the pool the registry describes (tokens, fee, spacing, factory).
        """
        ...

    def read_positions(
        self, chain: ChainClient, pools: Sequence[PoolState], owner: str, block: Block
    ) -> tuple[Position, ...]:
        """Enumerate the owner's positions in these pools from the chain alone, true uncollected fees included."""
        ...

    def parts(self, pool: Pool, tick_lower: int, tick_upper: int) -> tuple[tuple[int, int], ...]:
        """Split a range into ranges that one transaction each can open, from low to high; nearly always itself.

        Raises
        ------
        InvalidInput
            If the ticks are not usable in this pool, or the range is wider than any plan may be.
        """
        ...

    def placing_grants(
        self, pool: Pool, owner: str, amount0: int, amount1: int, expires_at: datetime
    ) -> tuple[Grant, ...]:
        """Rights that opening or adding with these amounts needs, in the order in which they are given.

        The first of each token is an ERC-20 ``approve`` of exactly the amount; a token of which nothing is placed needs
        none. At most four. ``expires_at`` bounds those that can expire.
        """
        ...

    def removing_grants(self, pool: Pool, owner: str) -> tuple[Grant, ...]:
        """Rights that removing or closing needs; at most one, nearly always none."""
        ...

    def quote_liquidity(
        self, state: PoolState, tick_lower: int, tick_upper: int, amount0: int, amount1: int
    ) -> LiquidityQuote:
        """Liquidity and used amounts of an open at the pinned price."""
        ...

    def plan_open(
        self,
        state: PoolState,
        tick_lower: int,
        tick_upper: int,
        amount0: int,
        amount1: int,
        interval: PriceInterval,
        owner: str,
        deadline_at: datetime,
    ) -> UnsignedTransaction:
        """Mint a position; minima hold anywhere in ``interval``."""
        ...

    def plan_add(
        self,
        state: PoolState,
        position: Position,
        amount0: int,
        amount1: int,
        interval: PriceInterval,
        owner: str,
        deadline_at: datetime,
    ) -> UnsignedTransaction:
        """Add to the liquidity of a position as it stands; minima hold anywhere in ``interval``.

        What the position had earned stays owed to it: adding pays nothing out.
        """
        ...

    def plan_remove(
        self,
        state: PoolState,
        position: Position,
        stake: int,
        interval: PriceInterval,
        owner: str,
        deadline_at: datetime,
    ) -> UnsignedTransaction:
        """Take out a part of a position, with what it has earned; the position stays.

        ``stake`` is the part of :attr:`~alm_core.model.market.Position.stake` that goes: more than 0, less than all.
        """
        ...

    def plan_close(
        self, state: PoolState, position: Position, interval: PriceInterval, owner: str, deadline_at: datetime
    ) -> UnsignedTransaction:
        """Remove all liquidity, collect and burn in one transaction.

        A position too large for one transaction is closed by several: this one then takes out the lowest part and has
        no ``closes_token_id``, and is planned again on what is left.
        """
        ...

    def plan_collect(self, state: PoolState, position: Position, owner: str) -> UnsignedTransaction:
        """Collect the uncollected fees."""
        ...
