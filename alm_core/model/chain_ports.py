"""Port to a chain: what the core asks of a node. Classes of ``alm_resources`` satisfy it structurally."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from alm_core.model.chains import ChainRules
from alm_core.model.market import Block
from alm_core.model.transactions import FoundLog, Inclusion, Log, Receipt, SignedTransaction, UnsignedTransaction


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
