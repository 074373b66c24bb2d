"""Ports: what the core asks of the outside, but for chains and DEXes. Classes of ``alm_resources`` satisfy them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from alm_core.model.candles import CandleSeries, NoConsensus
from alm_core.model.market import PoolMarket, SourceProblem
from alm_core.model.pools import Pool, Token
from alm_core.model.transactions import FeeBid, SignedTransaction, UnsignedTransaction
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
