"""The books: ledger entries, positions, reconciled points, and the journal that keeps them with the intents."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from alm_core.model.transactions import (
    Attempt,
    FeeBid,
    Intent,
    IntentState,
    Receipt,
    SignedTransaction,
    UnsignedTransaction,
)
from alm_core.model.transfers import BridgeTransfer


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One change of a wallet's balance. ``token`` is a lower-case address, or ``native``."""

    chain_id: int
    wallet: str
    token: str
    delta: int
    kind: str
    """``opening``, ``deposit``, ``withdrawal``, ``transfer``, ``fees``, ``rewards``, ``gas``, ``adjustment``,
    ``bridge`` (arrived from another chain or came back from a bridge) or ``reorg`` (takes back what a block that is
    gone had booked).

    ``fees`` are what a position earned and paid out, ``rewards`` what a gauge, a farm or a distributor paid besides.
    """
    tx_hash: str
    log_index: int
    """Index of the transfer's log; negative for what has no log (gas, native value, opening balances)."""
    intent_key: str | None
    account: str = ""
    """Account of the other side (:mod:`alm_core.accounting.postings`); empty: the one that the kind stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One side of a change beside the wallet's: ``account`` has ``delta`` more of a token, or of a position's stake.

    Every change has two sides that sum to nothing: a ledger entry and a posting, or two postings.
    """

    chain_id: int
    wallet: str
    tx_hash: str
    log_index: int
    account: str
    token: str
    """Lower-case address, ``native``, or ``stake`` (liquidity or shares of a position)."""
    delta: int
    intent_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OneSided:
    """A change of the books whose sides do not sum to nothing, or of which a side is missing or there twice.

    ``total`` is what its ``sides`` sum to.
    """

    tx_hash: str
    log_index: int
    token: str
    sides: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """What the books said, and what the chain, where a proof failed; kept for good.

    ``subject`` is a token, a position, a transfer or a change of the books; ``on_chain`` is ``None`` where the chain
    has no say.
    """

    chain_id: int
    wallet: str
    block_number: int
    subject: str
    booked: int
    on_chain: int | None
    text: str
    found_at: datetime | None = None
    """When it was recorded; the journal fills it in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionChange:
    """A position that came into being (``opened``) or was burned, as the journal remembers it.

    ``manager`` is the contract that keeps it (:attr:`alm_core.model.pools.Pool.keeper`).
    """

    chain_id: int
    wallet: str
    manager: str
    token_id: int
    opened: bool
    intent_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciledPoint:
    """The block up to which the books of a wallet are proven against its chain, and its nonce there."""

    chain_id: int
    wallet: str
    block_number: int
    block_hash: str
    nonce: int


ANY_CHAIN, ANY_WALLET = 0, "*"
"""Stand for all chains and all wallets in a standstill."""

StandstillMode = Literal["halt", "withdraw_only"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standstill:
    """Why a wallet stands still on a chain: nothing is signed (``halt``), or only what leaves (``withdraw_only``)."""

    mode: StandstillMode
    reason: str
    set_by: str
    """``operator``, or the name of the control that set it."""
    set_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What a pair's wallet was worth at an epoch, over all chains and with what was in transit.

    ``amounts`` are whole tokens of the base and quote asset held, positions included; ``flows`` the whole tokens that
    came from outside less those that left, since the beginning.
    """

    pair: str
    wallet: str
    epoch_at: datetime
    nav_usd: float
    base_usd: float
    quote_usd: float
    base_amount: float
    quote_amount: float
    base_flow: float
    quote_flow: float


class Journal(Protocol):
    """Durable record of intents, attempts and the ledger. Every method commits before it returns."""

    def take_lead(self, chain_id: int, wallet: str) -> int:
        """Become the only executor of a wallet on a chain; every earlier one is fenced off. Returns the fence.

        From then on a journal object that lost the lead is refused by each method that changes an intent
        (``NotReconciled``).
        """
        ...

    def add_intents(self, intents: Sequence[Intent]) -> tuple[Intent, ...]:
        """Insert intents that are not there yet; return the stored ones, in the same order."""
        ...

    def replan(self, key: str, tx: UnsignedTransaction) -> Intent:
        """Replace the payload of an intent of which nothing was signed (PLANNED, RESERVED); else it is refused."""
        ...

    def read_intent(self, key: str) -> Intent:
        """Read an intent; ``KeyError`` if there is none."""
        ...

    def find_intent(self, key: str) -> Intent | None:
        """Read an intent that may not exist yet."""
        ...

    def read_open_intents(self, chain_id: int, wallet: str) -> tuple[Intent, ...]:
        """Intents of a wallet that are not terminal, oldest first."""
        ...

    def read_plan_intents(self, plan_hash: str) -> tuple[Intent, ...]: ...

    def read_epoch_intents(self, epoch_id: str) -> tuple[Intent, ...]:
        """All intents of an epoch, oldest first, whichever plan they came from."""
        ...

    def reserve_nonce(self, key: str, chain_nonce: int) -> Intent:
        """Give the intent the next nonce of its wallet: PLANNED to RESERVED.

        Raises
        ------
        NotReconciled
            If the chain has used nonces that the journal does not know, or another intent of the wallet is still
            in flight.
        """
        ...

    def release_nonce(self, key: str, detail: str) -> bool:
        """Give up an intent that never left: to EXPIRED_UNSENT, its nonce handed back.

        Returns ``False``, and changes nothing, where a later nonce is already taken: then only a self-transfer with
        the same nonce frees the way.
        """
        ...

    def read_next_nonce(self, chain_id: int, wallet: str) -> int | None:
        """Nonce after the last one the journal knows to be taken; ``None`` before the first."""
        ...

    def read_from_nonce(self, chain_id: int, wallet: str, nonce: int) -> tuple[Intent, ...]:
        """Intents of a wallet that hold this nonce or a later one, lowest nonce first."""
        ...

    def record_signed(self, key: str, signed: SignedTransaction, bid: FeeBid) -> Intent:
        """Store raw bytes and hash, durably, before anything is sent: RESERVED to SIGNED.

        A further attempt with the same nonce, a higher bid for the payload or its cancellation (``signed.cancels``),
        leaves a BROADCAST intent where it is.
        """
        ...

    def read_attempts(self, key: str) -> tuple[Attempt, ...]:
        """All attempts of an intent with their bids, oldest first."""
        ...

    def read_signed(self, key: str) -> tuple[SignedTransaction, ...]:
        """All attempts of an intent, oldest first."""
        ...

    def advance(self, key: str, state: IntentState, detail: str = "") -> Intent:
        """Move an intent along the state machine; an illegal step is refused."""
        ...

    def settle(
        self,
        key: str,
        state: IntentState,
        receipt: Receipt,
        entries: Sequence[LedgerEntry],
        positions: Sequence[PositionChange] = (),
        detail: str = "",
        *,
        postings: Sequence[Posting] = (),
    ) -> Intent:
        """Store receipt, ledger entries and position changes and finish the intent, in one database transaction.

        Each entry is stored with its other side; ``postings`` are changes that have no side in the wallet.
        """
        ...

    def read_unfinal(self, chain_id: int, wallet: str) -> tuple[Intent, ...]:
        """Settled intents whose blocks were not final yet when they were last looked at, oldest first."""
        ...

    def mark_final(self, key: str) -> None:
        """Note that the block of a settled intent is final: its end is the end."""
        ...

    def unsettle(self, key: str, detail: str) -> Intent:
        """Take back the end of an intent whose block is gone, in one database transaction.

        Its state is BROADCAST again, ledger entries of its receipt are reversed by entries of kind ``reorg``, position
        changes undone. Refused once it is marked final.
        """
        ...

    def read_receipt(self, key: str) -> Receipt | None:
        """Receipt an intent was settled with (without its logs); ``None`` if it never was."""
        ...

    def read_last_settled(self, chain_id: int, wallet: str) -> int | None:
        """Highest block of a receipt that an intent of the wallet is settled with; ``None`` if there is none."""
        ...

    def add_ledger_entries(self, entries: Sequence[LedgerEntry]) -> None:
        """Insert entries; one that is already there (same tx hash, log index, token) is left as it is."""
        ...

    def read_unbooked(self, entries: Sequence[LedgerEntry]) -> tuple[LedgerEntry, ...]:
        """Those of the entries that the ledger does not hold yet (same tx hash, log index, token)."""
        ...

    def read_ledger_sums(self, chain_id: int, wallet: str, *, kind: str | None = None) -> dict[str, int]:
        """Sum of all entries, or of those of one kind, by token (lower-case address, or ``native``)."""
        ...

    def read_positions(self, chain_id: int, wallet: str) -> frozenset[tuple[str, int]]:
        """Positions the journal holds to be open: ``(lower-case manager address, token id)``."""
        ...

    def read_opened(self, intent_key: str) -> frozenset[tuple[str, int]]:
        """Positions that the transaction of an intent opened: ``(lower-case manager address, token id)``."""
        ...

    def read_reconciled(self, chain_id: int, wallet: str) -> ReconciledPoint | None:
        """Where the last green reconciliation stood; ``None`` before the first."""
        ...

    def record_reconciled(
        self,
        point: ReconciledPoint,
        entries: Sequence[LedgerEntry],
        positions: Sequence[PositionChange],
        *,
        postings: Sequence[Posting] = (),
    ) -> None:
        """Book what reconciliation adopted and remember the block, in one database transaction."""
        ...

    def read_accounts(self, chain_id: int, wallet: str, prefix: str = "") -> dict[tuple[str, str], int]:
        """Sum of postings by account and token, of accounts whose name begins so; the wallet itself is none of them."""
        ...

    def read_one_sided(self, chain_id: int, wallet: str) -> tuple[OneSided, ...]:
        """Changes whose sides are not two that sum to nothing, unless a person has balanced them (``adjustment``)."""
        ...

    def read_own(self, tx_hashes: Sequence[str]) -> frozenset[str]:
        """Those of some transactions that intents are settled with: all they did was booked then."""
        ...

    def read_unbooked_postings(self, found: Sequence[Posting]) -> tuple[Posting, ...]:
        """Those whose change (tx hash, log index, token) has no side in the books yet."""
        ...

    def read_discrepancies(self, chain_id: int, wallet: str) -> tuple[Discrepancy, ...]:
        """All that proofs of a wallet's books ever found, oldest first."""
        ...

    def record_discrepancies(self, found: Sequence[Discrepancy]) -> None:
        """Note what a proof found."""
        ...

    def halt(
        self, chain_id: int, wallet: str, reason: str, *, mode: StandstillMode = "halt", set_by: str = "operator"
    ) -> None:
        """Stop a wallet on a chain until :meth:`lift_halt`; ``ANY_CHAIN`` and ``ANY_WALLET`` stop all.

        A standstill in force is only ever made stricter.
        """
        ...

    def lift_halt(self, chain_id: int, wallet: str, *, set_by: str | None = None) -> None:
        """Let a wallet go on, as far as no other standstill holds; with ``set_by`` only what that one has set."""
        ...

    def read_halt(self, chain_id: int, wallet: str) -> Standstill | None:
        """Return the strictest standstill that holds for a wallet on a chain, or ``None``."""
        ...

    def read_halts(self) -> tuple[tuple[int, str, Standstill], ...]:
        """All standstills in force: ``(chain id, wallet, standstill)``."""
        ...

    def read_intents_since(self, pair: str, since_at: datetime) -> tuple[Intent, ...]:
        """All intents of a pair's epochs from a moment on, oldest first."""
        ...

    def add_mark(self, mark: Mark) -> None:
        """Note what a wallet was worth; a mark of an epoch that is there already stays."""
        ...

    def read_marks(self, pair: str, wallet: str, since_at: datetime) -> tuple[Mark, ...]:
        """Marks of a wallet from a moment on, oldest first."""
        ...

    def read_wallet_transfers(self, wallet: str) -> tuple[BridgeTransfer, ...]:
        """All transfers of a wallet, of whatever pair and finished or not, oldest first."""
        ...

    def add_transfer(self, intent: Intent, transfer: BridgeTransfer) -> Intent:
        """Insert a transfer and the intent that sends it, in one database transaction, unless they are there."""
        ...

    def read_transfers(self, pair: str, wallet: str, *, open_only: bool = True) -> tuple[BridgeTransfer, ...]:
        """Transfers of a wallet, oldest first; by default those not finished."""
        ...

    def store_transfer(self, transfer: BridgeTransfer, entries: Sequence[LedgerEntry] = ()) -> BridgeTransfer:
        """Store a transfer's new state with what it brought, in one database transaction.

        Refused (``IllegalStep``) where the stored one is finished already.
        """
        ...
