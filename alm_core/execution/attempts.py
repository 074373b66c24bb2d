"""Attempts of an intent: each is checked, signed and journalled here, and nowhere else, before it can leave."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from alm_core.execution.bidding import MORE_GAS, bid_for, gas_limit_for, higher_bid
from alm_core.execution.intents import describe, nonce_of
from alm_core.execution.nonces import Nonces, current_attempt, noop_for
from alm_core.execution.outcome import balance_problems
from alm_core.model.books import Journal
from alm_core.model.chain_ports import ChainClient
from alm_core.model.errors import GasReserveShort, LimitExceeded, SignerRefused, SourceRejected
from alm_core.model.ports import Signer
from alm_core.model.transactions import (
    Action,
    FeeBid,
    Intent,
    IntentState,
    SignedTransaction,
    UnsignedTransaction,
)

PRIVATE_ACTIONS = frozenset(
    {Action.SWAP, Action.OPEN, Action.ADD, Action.REMOVE, Action.CLOSE, Action.COLLECT, Action.BRIDGE}
)
"""Actions that others gain from seeing early; they go to private endpoints first where a chain has any."""
_UNFUNDED = re.compile(r"insufficient funds|upfront cost exceeds account balance", re.IGNORECASE)


class TransactionGuard(Protocol):
    """The choke point before a nonce is spent, and before every further signature."""

    def check(self, tx: UnsignedTransaction, bid: FeeBid, simulated_gas: int | None = None) -> None:
        """Refuse the transaction by raising ``LimitExceeded``; ``simulated_gas`` is told for the first bid."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """What the engine rests on: its ports, the choke point, its fence and its patience."""

    journal: Journal
    chain: ChainClient
    signer: Signer
    guard: TransactionGuard
    fence: int
    receipt_timeout_s: float

    @property
    def patience_s(self) -> float:
        """Wait for a receipt before anything more is done for an attempt."""
        return min(self.chain.rules.bump_after_s, self.receipt_timeout_s)

    @property
    def private_for_s(self) -> float:
        """Longest time with private endpoints only; half of all patience at most, or public ones never had a turn."""
        return min(self.chain.rules.private_for_s, self.receipt_timeout_s / 2)


class Attempts:
    """Signs attempts of intents of one wallet on one chain, and sends what is journalled."""

    def __init__(self, ends: Ends, nonces: Nonces) -> None:
        self._ends = ends
        self._journal = ends.journal
        self._chain = ends.chain
        self._nonces = nonces

    def sign_first(self, intent: Intent) -> Intent:
        """Check and sign the payload of a PLANNED or RESERVED intent; durable when this returns."""
        simulated = self._chain.simulate(intent.tx)
        limit = gas_limit_for(simulated, intent.tx.action, self._chain.rules)
        bid = bid_for(self._chain.read_fees(), self._chain.rules, limit, self._chain.read_l1_fee(intent.tx))
        self._check(intent.tx, bid, simulated + MORE_GAS.get(intent.tx.action, 0))
        self._refuse_other_effects(intent)
        counted = self._nonces.refuse_foreign_count(intent)
        if intent.state is IntentState.PLANNED:
            intent = self._journal.reserve_nonce(intent.key, counted)
        self._check_reserved(intent, bid)
        try:
            signed = self._ends.signer.sign(intent.tx, nonce_of(intent), bid, fence=self._ends.fence)
        except SignerRefused as error:
            self._journal.release_nonce(intent.key, f"signer refused: {error}")
            raise
        return self._journal.record_signed(intent.key, signed, bid)

    def _refuse_other_effects(self, intent: Intent) -> None:
        """Refuse a payload that, run now, would move other tokens than planned, or more of them."""
        effects = self._chain.read_effects(intent.tx)
        problems = () if effects is None else balance_problems(intent.tx, effects)
        if problems:
            raise LimitExceeded(f"simulated_effects: {describe(intent)}: {'; '.join(problems)}")

    def _check_reserved(self, intent: Intent, bid: FeeBid) -> None:
        """Ask the limits again now that the reservation counts: of two that race for what is left, none goes beyond."""
        try:
            self._ends.guard.check(intent.tx, bid)
        except LimitExceeded as error:
            self._journal.release_nonce(intent.key, f"limits refused it once reserved: {error}")
            raise

    def outbid(self, intent: Intent) -> Intent:
        """Sign the payload again with the same nonce and a higher bid.

        Raises
        ------
        LimitExceeded, SignerRefused
            If no higher bid is allowed; nothing was signed.
        """
        limit = self._journal.read_attempts(intent.key)[0].bid.gas_limit
        signed, bid = self._signed_higher(intent, intent.tx, limit)
        return self._journal.record_signed(intent.key, signed, bid)

    def cancel(self, intent: Intent) -> Intent:
        """Sign a zero-value transfer to ourselves with the same nonce; whichever attempt is mined decides.

        Raises
        ------
        LimitExceeded, SignerRefused, TransactionWouldRevert
            If not even that is allowed; nothing was signed.
        """
        noop = noop_for(self._chain.chain_id, self._ends.signer.address, nonce_of(intent))
        limit = gas_limit_for(self._chain.simulate(noop), Action.NOOP, self._chain.rules)
        signed, bid = self._signed_higher(intent, noop, limit)
        cancels = SignedTransaction(raw=signed.raw, tx_hash=signed.tx_hash, cancels=True)
        intent = self._journal.record_signed(intent.key, cancels, bid)
        if intent.state is IntentState.BROADCAST:
            return intent
        return self._journal.advance(intent.key, IntentState.BROADCAST, "cancelling")

    def is_private(self, intent: Intent) -> bool:
        """True where the payload goes to private endpoints first."""
        return self._chain.sends_privately and intent.tx.action in PRIVATE_ACTIONS

    def private_left_s(self, intent: Intent) -> float:
        """How long the intent is still to be kept from public endpoints, by the clock of the chain."""
        if not self.is_private(intent):
            return 0.0
        first_at = self._journal.read_attempts(intent.key)[0].signed_at
        age_s = max((self._chain.read_block().block_at - first_at).total_seconds(), 0.0)
        return max(self._ends.private_for_s - age_s, 0.0)

    def send(self, intent: Intent, *, private: bool) -> None:
        """Send the current attempt once; to public endpoints where the private ones refuse it.

        Raises
        ------
        SourceRejected, OutcomeUnknown
            As :meth:`~alm_core.model.chain_ports.ChainClient.send_raw`.
        """
        attempt = current_attempt(self._journal, intent)
        if private:
            try:
                self._chain.send_raw(attempt, private=True)
            except SourceRejected:
                pass  # A relay's rules are its own; the limits of the payload hold in public too.
            else:
                return
        self._chain.send_raw(attempt)

    def unfunded(self, intent: Intent, error: SourceRejected) -> GasReserveShort | None:
        """Return the error that names the gas reserve, if that is why nodes refuse an attempt."""
        if not _UNFUNDED.search(str(error)):
            return None
        return GasReserveShort(f"{describe(intent)}: nothing was sent: {error}; {self._reserve()}")

    def _signed_higher(self, intent: Intent, tx: UnsignedTransaction, limit: int) -> tuple[SignedTransaction, FeeBid]:
        earlier = [attempt.bid for attempt in self._journal.read_attempts(intent.key)]
        bid = self._allowed_bid(tx, limit, earlier)
        return self._ends.signer.sign(tx, nonce_of(intent), bid, fence=self._ends.fence), bid

    def _allowed_bid(self, tx: UnsignedTransaction, limit: int, earlier: Sequence[FeeBid]) -> FeeBid:
        """Bid generously, or leanly where the limits let no more through."""
        fees, l1_fee, rules = self._chain.read_fees(), self._chain.read_l1_fee(tx), self._chain.rules
        generous = higher_bid(bid_for(fees, rules, limit, l1_fee), earlier)
        try:
            self._check(tx, generous)
        except LimitExceeded:
            lean = higher_bid(bid_for(fees, rules, limit, l1_fee, lean=True), earlier)
            self._check(tx, lean)
            return lean
        return generous

    def _check(self, tx: UnsignedTransaction, bid: FeeBid, simulated_gas: int | None = None) -> None:
        self._ends.guard.check(tx, bid, simulated_gas)
        held = self._chain.read_native_balance(self._ends.signer.address, self._chain.read_block())
        if held < tx.value_wei + bid.most_wei:
            raise GasReserveShort(
                f"chain {tx.chain_id}: {tx.action.value} may take {tx.value_wei + bid.most_wei} wei with its fee, "
                f"the wallet holds {held}; {self._reserve()}"
            )

    def _reserve(self) -> str:
        reserve = self._chain.rules.gas_reserve_wei
        return f"gas_reserve: send native coin to {self._ends.signer.address} (reserve {reserve} wei)"
