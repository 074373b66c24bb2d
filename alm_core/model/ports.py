"""Ports: what the core asks of the outside. Classes of ``alm_resources`` satisfy these Protocols structurally."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from alm_core.model.candles import CandleSeries, NoConsensus
from alm_core.model.chains import ChainRules
from alm_core.model.market import Block, PoolMarket, PoolState, Position, SourceProblem
from alm_core.model.pools import Pool, Token
from alm_core.model.transactions import (
    FeeBid,
    FoundLog,
    Inclusion,
    Log,
    Receipt,
    SignedTransaction,
    UnsignedTransaction,
)
from alm_core.model.transfers import BridgeStatus, BridgeTransfer


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CandleFetch:
    """Consensus minutes of a pair, and what went wrong with single sources.

    ``no_consensus`` are minutes that exchanges had and did not agree on; they are absent from ``series``, and a person
    finds them in ``problems`` too.
    """

    series: CandleSeries
    sources: tuple[str, ...]
    problems: tuple[SourceProblem, ...]
    no_consensus: tuple[NoConsensus, ...] = ()


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
    """Answer to a :class:`Call`; where it failed, ``data`` is what the revert carried, often nothing."""

    succeeded: bool
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadReading:
    """Answers to a batch of calls at the head, and the block they all belong to."""

    block: Block
    results: tuple[CallResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """What the chain asks for gas now."""

    base_fee_wei: int
    priority_fee_wei: int


class ChainClient(Protocol):
    """One EVM chain. Reads may be retried inside; ``send_raw`` never is."""

    @property
    def chain_id(self) -> int: ...

    @property
    def rules(self) -> ChainRules:
        """What is peculiar to the chain."""
        ...

    @property
    def sends_privately(self) -> bool:
        """Whether there is an endpoint that keeps transactions out of the public mempool."""
        ...

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

    def read_head(self, calls: Sequence[Call]) -> HeadReading:
        """Answer all calls and read the block they belong to, in one request at the head.

        Raises
        ------
        WrongChain
            If the endpoint serves another chain id.
        SourceUnavailable
            If no endpoint answers.
        """
        ...

    def read_header(self, block: Block) -> Block:
        """Return a block of :meth:`read_head` with its hash.

        Raises
        ------
        SourceUnavailable
            If another block is at its height by now.
        """
        ...

    def read_calls(self, calls: Sequence[Call], block: Block) -> tuple[CallResult, ...]:
        """Answer all calls at one block (Multicall3 ``aggregate3``)."""
        ...

    def read_with_code(self, call: Call, code: Mapping[str, bytes], block: Block) -> CallResult:
        """Answer one call at a block as if contracts had other code (state overrides of ``eth_call``).

        Raises
        ------
        SourceRejected
            If the node cannot do that.
        """
        ...

    def read_native_balance(self, address: str, block: Block) -> int: ...

    def read_nonce(self, address: str) -> int:
        """Count of mined transactions of an account (``latest``)."""
        ...

    def read_fees(self) -> Fees:
        """Read base fee and a tip that the chain's nodes accept."""
        ...

    def read_l1_fee(self, tx: UnsignedTransaction) -> int:
        """Expect what the chain charges for the payload's data on Ethereum, wei; 0 where it charges nothing."""
        ...

    def simulate(self, tx: UnsignedTransaction) -> int:
        """Run the payload with ``eth_call`` and return the gas estimate.

        Raises
        ------
        TransactionWouldRevert
            With the decoded reason.
        """
        ...

    def read_effects(self, tx: UnsignedTransaction) -> tuple[Log, ...] | None:
        """Run the payload at the head and return the events it would leave; ``None`` where the nodes cannot tell.

        Raises
        ------
        TransactionWouldRevert
            If it fails.
        """
        ...

    def send_raw(self, signed: SignedTransaction, *, private: bool = False) -> None:
        """Broadcast once to every endpoint: the private ones if told so, else the public ones.

        "Already known" counts as sent; one endpoint that took the bytes is enough.

        Raises
        ------
        SourceRejected
            If every endpoint refused the bytes for good (nothing landed).
        OutcomeUnknown
            On any other error: the bytes may have landed.
        """
        ...

    def read_inclusion(self, receipt: Receipt) -> Inclusion:
        """Tell whether a receipt's block is canonical, and final by the rules of the chain.

        The block's hash is asked of another endpoint than the one that gave the receipt where there is one; where two
        disagree, the receipt is at most ``INCLUDED``.

        Raises
        ------
        SourceUnavailable
            If no endpoint tells.
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

    def read_logs(
        self,
        addresses: Sequence[str],
        topics: Sequence[str | tuple[str, ...] | None],
        from_block: int,
        to_block: int,
    ) -> tuple[FoundLog, ...]:
        """Events of some contracts in chain order; a topic is given, one of several, or any (``None``)."""
        ...

    def read_nft_ids(self, contract: str, owner: str, from_block: int, to_block: int) -> tuple[int, ...]:
        """Ids of ERC-721 tokens of a contract that came to an owner in these blocks; they may have left since."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeQuote:
    """A quoted transfer to another chain, already decoded and checked field by field against the request."""

    tx: UnsignedTransaction
    spender: str
    sell: Token
    buy: Token
    sell_amount: int
    buy_amount: int
    buy_amount_min: int
    tool: str
    duration_s: float


class BridgeSource(Protocol):
    """Transfers of one asset from one chain to another."""

    def quote_bridge(
        self, *, sell: Token, buy: Token, sell_amount: int, owner: str, min_buy_amount: int
    ) -> BridgeQuote:
        """Quote a transfer whose calldata pays ``owner`` on the chain of ``buy``, and promises ``min_buy_amount``.

        Raises
        ------
        SourceUnavailable, SourceRejected, BadAnswer
            If there is no quote, or one that would not do exactly what was asked.
        """
        ...

    def read_status(self, transfer: BridgeTransfer) -> BridgeStatus:
        """Ask what became of a transfer whose sending transaction is known.

        Raises
        ------
        SourceUnavailable, SourceRejected, BadAnswer
            If the service does not tell; that says nothing of the transfer.
        """
        ...


class Signer(Protocol):
    """Signs for one wallet. The planner never sees a key."""

    @property
    def address(self) -> str: ...

    def sign(self, tx: UnsignedTransaction, nonce: int, bid: FeeBid, *, fence: int) -> SignedTransaction:
        """Sign an EIP-1559 transaction.

        ``fence`` is the number of the executor's lead of the wallet on the chain: one that is smaller than the largest
        seen is a paused executor's, and refused.

        Raises
        ------
        SignerRefused
            If sender, recipient or selector are not on the signer's own list, a limit of its own would be broken, it
            was told to halt, or the fence is stale.
        """
        ...


class LedByAnother(str):
    """A refusal that names who leads: that process brings what is in flight to its end, and must not be disturbed."""

    __slots__ = ()


class Leadership(Protocol):
    """Whether this process may begin anything new with a wallet; an optimisation, the fence in the journal decides."""

    def refusal(self, chain_id: int, wallet: str) -> str | None:
        """Take or keep the lead of a wallet on a chain; why not, or ``None`` if this process leads.

        Whatever is not known (the store of leases does not answer) is a refusal. What is in flight may still be
        brought to its end then, by asking the chain and by sending the identical bytes again; not where the refusal is
        :class:`LedByAnother`.
        """
        ...
