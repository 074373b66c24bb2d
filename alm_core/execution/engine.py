"""One intent through its whole life over ports: checked, simulated, reserved, signed, journalled, sent once, settled.

Order of effects, so that a crash anywhere leaves something that can be finished: limits and simulation change nothing;
the nonce is durable before signing; bytes and hash are durable (SIGNED) before BROADCAST is recorded; BROADCAST is
durable before the single send. Whatever is still SIGNED was therefore never sent, and whatever is BROADCAST may have
been: it is asked for on chain, or sent again byte for byte, never made anew.
"""

from typing import Protocol

from alm_core.execution.intents import IN_FLIGHT, SENT
from alm_core.execution.outcome import outcome_of
from alm_core.model.books import Journal
from alm_core.model.errors import NotReconciled, OutcomeUnknown, SignerRefused, SourceRejected
from alm_core.model.ports import ChainClient, Fees, Signer
from alm_core.model.transactions import (
    Action,
    FeeBid,
    Intent,
    IntentState,
    Receipt,
    SignedTransaction,
    UnsignedTransaction,
)

_REORG_ROUNDS = 3
_TRANSFER_GAS = 21_000
_MORE_GAS = {
    Action.ADD: 60_000,
    Action.COLLECT: 60_000,
    Action.STAKE: 60_000,
    Action.UNSTAKE: 100_000,
    Action.CLAIM: 100_000,
}
"""Gas beyond the simulation's: a trade before the transaction is mined makes a position earn that had earned nothing.

Two slots of owed fees go from zero (22,100 each) and four of fee growth change (2,800 each), or a second token is paid
out. A collect right before leaves an add just there. Staking pays out fees that came meanwhile; rewards may begin only
after the simulation, write the books of pool and farm for the first time, and pay a token that the wallet did not have.
"""


class TransactionGuard(Protocol):
    """The choke point before a nonce is spent."""

    def check(self, tx: UnsignedTransaction, bid: FeeBid) -> None:
        """Refuse the transaction by raising ``LimitExceeded``."""
        ...


class TransactionEngine:
    """Carries intents of one wallet on one chain from PLANNED to a terminal state.

    Parameters
    ----------
    journal, chain, signer
        Ports. The signer's address is the wallet.
    limits_guard
        Asked once per signature, after simulation has told the gas and before a nonce is reserved.
    receipt_timeout_s
        Wait for a receipt before the outcome counts as unknown.
    fence
        Number of this executor's lead of the wallet; goes to the signer with every payload.
    """

    def __init__(
        self,
        journal: Journal,
        chain: ChainClient,
        signer: Signer,
        limits_guard: TransactionGuard,
        *,
        receipt_timeout_s: float,
        fence: int,
    ) -> None:
        self._journal = journal
        self._chain = chain
        self._signer = signer
        self._guard = limits_guard
        self._receipt_timeout_s = receipt_timeout_s
        self._fence = fence

    def run(self, intent: Intent) -> Intent:
        """Carry a stored intent from whatever state it is in to a terminal one, and return it.

        Raises
        ------
        LimitExceeded, TransactionWouldRevert, SignerRefused, SourceError
            Before anything was sent; the intent is left PLANNED or RESERVED, or given up if signing or the very first
            send was refused.
        OutcomeUnknown
            If it may have landed and the chain does not tell. Run it again later: it is asked for, never repeated.
        NotReconciled
            If the nonce was used by somebody else.
        """
        if intent.state in (IntentState.PLANNED, IntentState.RESERVED):
            intent = self._sign(intent)
        if intent.state is IntentState.SIGNED:
            return self._send_first(intent)
        return self.resume(intent)

    def resume(self, intent: Intent) -> Intent:
        """Finish an intent whose bytes may be out: receipts of all attempts first, else the identical bytes again."""
        if intent.state in (IntentState.PLANNED, IntentState.RESERVED, IntentState.SIGNED):
            return self.run(intent)
        if intent.state not in SENT:
            return intent
        found = self._mined_attempt(intent)
        return self._settle(intent, *found) if found else self._rebroadcast(intent)

    def watch(self, intent: Intent) -> Intent:
        """Settle an intent whose bytes may be out if the chain has a receipt, else send the identical bytes again.

        Nothing is signed: a process that does not lead the wallet may do this.
        """
        found = self._mined_attempt(intent)
        if found:
            return self._settle(intent, *found)
        self._send_again(intent)
        return intent

    def retire(self, intent: Intent) -> Intent:
        """Bring an intent of an abandoned plan to its end: expire what never left, resume what may have.

        An unsent intent hands its nonce back; where a later nonce is taken already, a self-transfer frees the way.
        """
        if intent.state in SENT:
            return self.resume(intent)
        if intent.state.terminal:
            return intent
        if self._journal.release_nonce(intent.key, "plan superseded before it was sent"):
            return self._journal.read_intent(intent.key)
        return self._cancel(intent)

    def _sign(self, intent: Intent) -> Intent:
        gas = self._chain.simulate(intent.tx) + _MORE_GAS.get(intent.tx.action, 0)
        bid = bid_for(self._chain.read_fees(), gas)
        self._guard.check(intent.tx, bid)
        if intent.state is IntentState.PLANNED:
            intent = self._journal.reserve_nonce(intent.key, self._chain.read_nonce(self._signer.address))
        try:
            signed = self._signer.sign(intent.tx, nonce_of(intent), bid, fence=self._fence)
        except SignerRefused as error:
            self._journal.release_nonce(intent.key, f"signer refused: {error}")
            raise
        return self._journal.record_signed(intent.key, signed, bid)

    def _send_first(self, intent: Intent) -> Intent:
        attempt = self._journal.read_signed(intent.key)[-1]
        intent = self._journal.advance(intent.key, IntentState.BROADCAST)
        try:
            self._chain.send_raw(attempt)
        except SourceRejected as error:
            self._refuse_foreign_nonce(intent)
            if not self._journal.release_nonce(intent.key, f"node refused the first send: {error}"):
                return self._cancel(intent)
            raise
        except OutcomeUnknown:
            pass  # The wait below asks the chain; silence there is raised as unknown.
        return self._await(intent)

    def _rebroadcast(self, intent: Intent) -> Intent:
        self._refuse_foreign_nonce(intent)
        if intent.state is IntentState.MINED:
            intent = self._journal.advance(intent.key, IntentState.BROADCAST, "the block it was mined in is gone")
        try:
            self._chain.send_raw(self._journal.read_signed(intent.key)[-1])
        except SourceRejected:
            found = self._mined_attempt(intent)
            return self._settle(intent, *found) if found else self._cancel(intent)
        except OutcomeUnknown:
            pass  # As above: the chain has the last word.
        return self._await(intent)

    def _cancel(self, intent: Intent) -> Intent:
        """Free the nonce by a zero-value transfer to ourselves; whichever attempt is mined decides the outcome."""
        attempts = self._journal.read_signed(intent.key)
        if not (attempts and attempts[-1].cancels):
            noop = UnsignedTransaction(
                chain_id=intent.tx.chain_id,
                sender=self._signer.address,
                to=self._signer.address,
                data="0x",
                value_wei=0,
                action=Action.NOOP,
                summary=f"free nonce {intent.nonce}",
            )
            bid = bid_for(self._chain.read_fees(), _TRANSFER_GAS, urgency=2)
            self._guard.check(noop, bid)
            signed = self._signer.sign(noop, nonce_of(intent), bid, fence=self._fence)
            intent = self._journal.record_signed(
                intent.key, SignedTransaction(raw=signed.raw, tx_hash=signed.tx_hash, cancels=True), bid
            )
        if intent.state is not IntentState.BROADCAST:
            intent = self._journal.advance(intent.key, IntentState.BROADCAST, "cancelling")
        try:
            self._chain.send_raw(self._journal.read_signed(intent.key)[-1])
        except SourceRejected as error:
            raise OutcomeUnknown(f"{describe(intent)}: node refuses payload and self-transfer: {error}") from error
        return self._await(intent)

    def _await(self, intent: Intent, rounds: int = _REORG_ROUNDS) -> Intent:
        attempts = self._journal.read_signed(intent.key)
        receipt = self._chain.wait_for_receipt(attempts[-1].tx_hash, self._receipt_timeout_s)
        found = (attempts[-1], receipt) if receipt else self._mined_attempt(intent)
        if found is None:
            raise OutcomeUnknown(
                f"{describe(intent)}: no receipt of {attempts[-1].tx_hash} after {self._receipt_timeout_s:g} s"
            )
        return self._settle(intent, *found, rounds)

    def _settle(
        self, intent: Intent, attempt: SignedTransaction, receipt: Receipt, rounds: int = _REORG_ROUNDS
    ) -> Intent:
        if intent.state is IntentState.BROADCAST:
            intent = self._journal.advance(intent.key, IntentState.MINED, f"block {receipt.block_number}")
        again = self._chain.read_receipt(attempt.tx_hash)
        if again and again.block_hash == receipt.block_hash:
            verdict = outcome_of(intent, attempt, again)
            return self._journal.settle(
                intent.key, verdict.state, again, verdict.entries, verdict.positions, verdict.detail
            )
        if rounds == 0:
            raise OutcomeUnknown(f"{describe(intent)}: its block changed {_REORG_ROUNDS} times while it was read")
        if again:
            return self._settle(intent, attempt, again, rounds - 1)
        intent = self._journal.advance(intent.key, IntentState.BROADCAST, f"block {receipt.block_number} is gone")
        self._send_again(intent)
        return self._await(intent, rounds - 1)

    def _send_again(self, intent: Intent) -> None:
        try:
            self._chain.send_raw(self._journal.read_signed(intent.key)[-1])
        except SourceRejected as error:
            raise OutcomeUnknown(f"{describe(intent)}: lost to a reorganisation, resend refused: {error}") from error
        except OutcomeUnknown:
            pass  # The caller waits for a receipt next.

    def _mined_attempt(self, intent: Intent) -> tuple[SignedTransaction, Receipt] | None:
        for attempt in self._journal.read_signed(intent.key):
            receipt = self._chain.read_receipt(attempt.tx_hash)
            if receipt:
                return attempt, receipt
        return None

    def _refuse_foreign_nonce(self, intent: Intent) -> None:
        if self._chain.read_nonce(self._signer.address) <= nonce_of(intent) or self._mined_attempt(intent):
            return
        last = self._journal.read_signed(intent.key)[-1]
        if self._chain.wait_for_receipt(last.tx_hash, self._receipt_timeout_s):
            return  # The node that counted the nonce was ahead of the one that had the receipt.
        detail = f"nonce {intent.nonce} was used by a transaction that is not ours"
        if intent.state is IntentState.BROADCAST:
            self._journal.advance(intent.key, IntentState.MANUAL, detail)
        raise NotReconciled(f"{describe(intent)}: {detail}")


def bid_for(fees: Fees, gas_estimate: int, *, urgency: int = 1) -> FeeBid:
    """Return a bid that survives a doubling of the base fee, with a fifth more gas than the simulation used.

    ``urgency`` multiplies both prices, for a replacement that nodes must prefer to what it replaces.
    """
    return FeeBid(
        gas_limit=gas_estimate * 6 // 5,
        max_fee_per_gas_wei=(2 * fees.base_fee_wei + fees.priority_fee_wei) * urgency,
        max_priority_fee_per_gas_wei=fees.priority_fee_wei * urgency,
    )


def nonce_of(intent: Intent) -> int:
    """Return the reserved nonce.

    Raises
    ------
    NotReconciled
        If there is none although the state says there is.
    """
    if intent.nonce is None:
        held = intent.state in IN_FLIGHT
        raise NotReconciled(f"{describe(intent)} holds no nonce" + (" although it is in flight" if held else ""))
    return intent.nonce


def describe(intent: Intent) -> str:
    """Return an intent in words, for messages."""
    return f"{intent.tx.action.value} step {intent.step_no} of {intent.epoch_id} on chain {intent.tx.chain_id}"
