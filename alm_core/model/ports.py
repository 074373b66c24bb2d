"""Ports: what the core asks of the outside. Classes of ``alm_resources`` satisfy these Protocols structurally."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from alm_core.model.candles import CandleSeries
from alm_core.model.market import Block, PoolMarket, PoolState, Position, SourceProblem
from alm_core.model.pools import Pool, Token
from alm_core.model.transactions import (
    FeeBid,
    Intent,
    IntentState,
    Receipt,
    SignedTransaction,
    UnsignedTransaction,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CandleFetch:
    """Merged minutes of a pair, and what went wrong with single sources."""

    series: CandleSeries
    sources: tuple[str, ...]
    problems: tuple[SourceProblem, ...]


class CandleFeed(Protocol):
    """M1 candles of a pair over all its configured exchanges."""

    def fetch_candles(self, pair_id: str, start_at: datetime, end_at: datetime) -> CandleFetch:
        """Fetch closed minutes that open in ``[start_at, end_at)``.

        Raises
        ------
        SourceUnavailable
            If no source of the pair gave a usable answer; names each of them.
        """
        ...


class PoolMarketSource(Protocol):
    """Market figures of pools (volume, TVL, USD prices)."""

    def fetch_pools(self, pools: Sequence[Pool]) -> tuple[PoolMarket, ...]:
        """Fetch figures; pools the service does not know are left out."""
        ...

    def fetch_token_usd(self, chain_id: int, addresses: Sequence[str]) -> dict[str, float]:
        """Fetch USD prices by token address; unknown tokens are left out."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A read-only contract call of a batch."""

    target: str
    data: bytes
    may_fail: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """Answer to a :class:`Call`; ``data`` is empty where it failed."""

    succeeded: bool
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """What the chain asks for gas now."""

    base_fee_wei: int
    priority_fee_wei: int


class ChainClient(Protocol):
    """One EVM chain. Reads may be retried inside; ``send_raw`` never is."""

    @property
    def chain_id(self) -> int: ...

    def read_block(self) -> Block:
        """Read the head.

        Raises
        ------
        WrongChain
            If the endpoint serves another chain id.
        SourceUnavailable
            If no endpoint answers.
        """
        ...

    def read_calls(self, calls: Sequence[Call], block: Block) -> tuple[CallResult, ...]:
        """Answer all calls at one block (Multicall3 ``aggregate3``)."""
        ...

    def read_native_balance(self, address: str, block: Block) -> int: ...

    def read_nonce(self, address: str) -> int:
        """Count of mined transactions of an account (``latest``)."""
        ...

    def read_fees(self) -> Fees: ...

    def simulate(self, tx: UnsignedTransaction) -> int:
        """Run the payload with ``eth_call`` and return the gas estimate.

        Raises
        ------
        TransactionWouldRevert
            With the decoded reason.
        """
        ...

    def send_raw(self, signed: SignedTransaction) -> None:
        """Broadcast once. "Already known" counts as sent.

        Raises
        ------
        SourceRejected
            If the node refused the bytes for good (nothing landed).
        OutcomeUnknown
            On any other error: the bytes may have landed.
        """
        ...

    def read_receipt(self, tx_hash: str) -> Receipt | None:
        """Return the receipt, or ``None`` while the transaction is not mined."""
        ...

    def wait_for_receipt(self, tx_hash: str, timeout_s: float) -> Receipt | None:
        """Wait for a receipt; ``None`` after the timeout means unknown."""
        ...

    def read_transfers(
        self, tokens: Sequence[str], wallet: str, from_block: int, to_block: int
    ) -> tuple[tuple[str, int, str, int], ...]:
        """ERC-20 transfers from or to a wallet: ``(token, signed amount, tx hash, log index)``."""
        ...


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

    def plan_close(
        self, state: PoolState, position: Position, interval: PriceInterval, owner: str, deadline_at: datetime
    ) -> UnsignedTransaction:
        """Remove all liquidity, collect and burn, in one transaction where the contract allows."""
        ...

    def plan_collect(self, state: PoolState, position: Position, owner: str) -> UnsignedTransaction:
        """Collect the uncollected fees."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapQuote:
    """A quoted swap, already decoded and checked field by field against the request."""

    tx: UnsignedTransaction
    spender: str
    sell: Token
    buy: Token
    sell_amount: int
    buy_amount: int
    buy_amount_min: int
    tool: str


class SwapSource(Protocol):
    """Same-chain swaps."""

    def quote_swap(self, *, sell: Token, buy: Token, sell_amount: int, owner: str, min_buy_amount: int) -> SwapQuote:
        """Quote a swap whose calldata pays ``owner`` at least ``min_buy_amount``.

        Raises
        ------
        SourceUnavailable, SourceRejected, BadAnswer
            If there is no quote, or one that would not do exactly what was asked.
        """
        ...


class Signer(Protocol):
    """Signs for one wallet. The planner never sees a key."""

    @property
    def address(self) -> str: ...

    def sign(self, tx: UnsignedTransaction, nonce: int, bid: FeeBid) -> SignedTransaction:
        """Sign an EIP-1559 transaction.

        Raises
        ------
        SignerRefused
            If sender, recipient or selector are not on the signer's own list.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One change of a wallet's balance. ``token`` is an address, or ``native``."""

    chain_id: int
    wallet: str
    token: str
    delta: int
    kind: str
    """``opening``, ``deposit``, ``transfer``, ``gas`` or ``adjustment``."""
    tx_hash: str
    log_index: int
    intent_key: str | None


class Journal(Protocol):
    """Durable record of intents, attempts and the ledger. Every method commits before it returns."""

    def add_intents(self, intents: Sequence[Intent]) -> tuple[Intent, ...]:
        """Insert intents that are not there yet; return the stored ones, in the same order."""
        ...

    def read_intent(self, key: str) -> Intent: ...

    def read_open_intents(self, chain_id: int, wallet: str) -> tuple[Intent, ...]:
        """Intents of a wallet that are not terminal, oldest first."""
        ...

    def read_plan_intents(self, plan_hash: str) -> tuple[Intent, ...]: ...

    def reserve_nonce(self, key: str, chain_nonce: int) -> Intent:
        """Give the intent the next nonce of its wallet: PLANNED to RESERVED.

        Raises
        ------
        NotReconciled
            If the chain has used nonces that the journal does not know.
        """
        ...

    def record_signed(self, key: str, signed: SignedTransaction, bid: FeeBid) -> Intent:
        """Store raw bytes and hash: RESERVED to SIGNED. Must be durable before anything is sent."""
        ...

    def read_signed(self, key: str) -> tuple[SignedTransaction, ...]:
        """All attempts of an intent, oldest first."""
        ...

    def advance(self, key: str, state: IntentState, detail: str = "") -> Intent:
        """Move an intent along the state machine; an illegal step is refused."""
        ...

    def settle(self, key: str, state: IntentState, receipt: Receipt, entries: Sequence[LedgerEntry]) -> Intent:
        """Store receipt and ledger entries and finish the intent, in one database transaction."""
        ...

    def add_ledger_entries(self, entries: Sequence[LedgerEntry]) -> None:
        """Insert entries; one that is already there (same tx hash, log index, token) is left as it is."""
        ...

    def read_ledger_sums(self, chain_id: int, wallet: str) -> dict[str, int]:
        """Sum of all entries by token."""
        ...
