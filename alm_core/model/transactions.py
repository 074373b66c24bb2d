"""Unsigned transactions, intents, receipts and reports of the money path."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from alm_core.model.transfers import BridgeTransfer


class Action(StrEnum):
    """What an intent does."""

    APPROVE = "approve"
    APPROVE_RESET = "approve_reset"
    SWAP = "swap"
    OPEN = "open"
    ADD = "add"
    REMOVE = "remove"
    CLOSE = "close"
    COLLECT = "collect"
    STAKE = "stake"
    UNSTAKE = "unstake"
    CLAIM = "claim"
    BRIDGE = "bridge"
    """Sends tokens to another chain; what arrives there is a transfer's matter (:mod:`alm_core.model.transfers`)."""
    NOOP = "noop"


class IntentState(StrEnum):
    """States of an intent (docs/execution/state-machine.md)."""

    PLANNED = "PLANNED"
    RESERVED = "RESERVED"
    SIGNED = "SIGNED"
    BROADCAST = "BROADCAST"
    MINED = "MINED"
    FINAL_OK = "FINAL_OK"
    FINAL_REVERTED = "FINAL_REVERTED"
    EXPIRED_UNSENT = "EXPIRED_UNSENT"
    CANCELLED = "CANCELLED"
    MANUAL = "MANUAL"

    @property
    def terminal(self) -> bool:
        """True where nothing more will happen by itself."""
        return self in _TERMINAL


_TERMINAL = frozenset(
    {
        IntentState.FINAL_OK,
        IntentState.FINAL_REVERTED,
        IntentState.EXPIRED_UNSENT,
        IntentState.CANCELLED,
        IntentState.MANUAL,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceBound:
    """Bounds on what a transaction may do to our balance of one token, signed raw units."""

    token: str
    min_delta: int
    max_delta: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsignedTransaction:
    """A planned contract call with the effects it must have.

    ``data`` is 0x-hex calldata. ``bounds`` names every token the call may move from or to the wallet: a receipt
    that moves another token, or one outside its bounds, is not a success.
    """

    chain_id: int
    sender: str
    to: str
    data: str
    value_wei: int
    action: Action
    summary: str
    bounds: tuple[BalanceBound, ...] = ()
    opens_position: bool = False
    closes_token_id: int | None = None
    adds_token_id: int | None = None
    """Position of ours whose liquidity the call must raise."""
    liquidity_events_from: str | None = None
    """Contract whose events tell what became of liquidity, where that is not ``to``."""
    spender: str | None = None
    """For approvals: who may spend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeBid:
    """EIP-1559 bid for one attempt."""

    gas_limit: int
    max_fee_per_gas_wei: int
    max_priority_fee_per_gas_wei: int
    l1_fee_wei: int = 0
    """What the chain is expected to charge for data on Ethereum besides; it is not part of what is signed."""

    @property
    def most_wei(self) -> int:
        """The most the attempt can cost."""
        return self.gas_limit * self.max_fee_per_gas_wei + self.l1_fee_wei


class Inclusion(StrEnum):
    """Whether a receipt still holds."""

    FINAL = "final"
    """Its block is canonical and will stay."""
    INCLUDED = "included"
    """Its block is canonical so far."""
    GONE = "gone"
    """Another block is at its height: the chain was reorganised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedTransaction:
    """Raw bytes and the hash they will have; journalled before they leave."""

    raw: str
    tx_hash: str
    cancels: bool = False
    """True for the zero-value self-transfer that frees a nonce instead of the payload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One signed attempt of an intent, with its bid and when it was stored."""

    signed: SignedTransaction
    bid: FeeBid
    signed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """An event of a receipt."""

    address: str
    topics: tuple[str, ...]
    data: str
    log_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLog:
    """An event of a block, and the transaction it is of."""

    log: Log
    tx_hash: str
    block_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A mined transaction."""

    tx_hash: str
    block_number: int
    block_hash: str
    succeeded: bool
    gas_used: int
    effective_gas_price_wei: int
    l1_fee_wei: int
    logs: tuple[Log, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One economic action. ``key`` makes it unique: planning it twice finds it instead."""

    key: str
    epoch_id: str
    pair: str
    plan_hash: str
    step_no: int
    tx: UnsignedTransaction
    state: IntentState
    nonce: int | None = None
    tx_hash: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutedTransaction:
    """A transaction of an epoch as people read it in the UI."""

    intent_key: str
    chain_id: int
    action: Action
    summary: str
    state: IntentState
    tx_hash: str | None
    gas_used: int
    gas_cost_wei: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualAllowance:
    """What a spender may still take although no intent of ours is under way.

    ``token`` is the contract that keeps the right: a token, Permit2, or a pair whose bins an operator may move.
    """

    token: str
    spender: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileReport:
    """Books against one chain at one block.

    Nothing is sent on a chain that is not ``green``; ``differences`` says why it is not. ``adopted`` names what was
    taken over from the chain: opening balances, deposits, positions opened or closed by others. ``warnings`` are what a
    person must hear of although books and chain agree: a standstill that is in force, for example.
    """

    chain_id: int
    block_number: int
    green: bool
    differences: tuple[str, ...]
    adopted: tuple[str, ...]
    allowances: tuple[ResidualAllowance, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionReport:
    """What an epoch did on chain."""

    pair: str
    epoch_at: datetime
    plan_hash: str
    transactions: tuple[ExecutedTransaction, ...]
    reconciliations: tuple[ReconcileReport, ...]
    halted: str | None
    """Why execution stopped early, or ``None``."""
    transfers: tuple[BridgeTransfer, ...] = ()
    """Transfers between chains that were under way or have begun, as they are now."""
