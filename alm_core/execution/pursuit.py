"""Waiting until one attempt of an intent is mined, and what is done where none is: send again, bid more, cancel.

The chain's client does the waiting; there is no clock here. Before anything is signed the chain is asked whether it is
the nonce that is missing or was taken.
"""

from dataclasses import dataclass, field

from alm_core.execution.attempts import Attempts, Ends
from alm_core.execution.bidding import is_outbid
from alm_core.execution.intents import describe
from alm_core.execution.nonces import Nonces, current_attempt
from alm_core.execution.settling import Settling
from alm_core.model.errors import (
    LimitExceeded,
    NotLeading,
    OutcomeUnknown,
    SignerRefused,
    SourceRejected,
    TransactionWouldRevert,
)
from alm_core.model.transactions import Attempt, Intent, IntentState, Receipt, SignedTransaction

MOST_ATTEMPTS = 8
"""Signatures of a payload, and of its cancellation."""
_MOST_REORGANISATIONS = 3
_MOST_REFUSALS = 2
_GLANCE_S = 2.0


@dataclass(slots=True)
class _Chase:
    intent: Intent
    cancel: bool
    private_left_s: float
    waited_s: float = 0.0
    lost_blocks: int = 0
    refusals: list[str] = field(default_factory=list[str])


class Pursuit:
    """Follows intents whose bytes are out until they are settled."""

    def __init__(self, ends: Ends, attempts: Attempts, nonces: Nonces, settling: Settling) -> None:
        self._ends = ends
        self._journal = ends.journal
        self._chain = ends.chain
        self._attempts = attempts
        self._nonces = nonces
        self._settling = settling

    def finish(self, intent: Intent, *, cancel: bool = False, at_once: bool = False) -> Intent:
        """Wait for a receipt of any attempt, pressing on each time the patience of the chain has run out.

        Parameters
        ----------
        intent
            In BROADCAST; with ``at_once`` also one whose nonce has to be freed though its payload never left.
        cancel
            Sign no payload again, only the self-transfer that frees the nonce.
        at_once
            Press on before the first wait.

        Raises
        ------
        OutcomeUnknown
            After ``receipt_timeout_s`` without a receipt, or if nodes refuse the self-transfer too.
        NotReconciled
            If the nonce was used by somebody else.
        """
        chase = _Chase(intent, cancel, 0.0 if at_once else self._attempts.private_left_s(intent))
        if at_once:
            self._press(chase)
        while True:
            step_s = self._next_step_s(chase)
            found = self._wait(chase.intent, step_s)
            chase.waited_s += step_s
            if found:
                chase.intent = self._settling.settle(chase.intent, *found)
                if chase.intent.state.terminal:
                    return chase.intent
                self._after_lost_block(chase)
            elif chase.waited_s >= self._ends.receipt_timeout_s:
                raise OutcomeUnknown(self._in_words(chase))
            elif chase.private_left_s and chase.private_left_s <= step_s:
                chase.private_left_s = 0.0
                self._send(chase)  # identical bytes, now to public endpoints
            else:
                chase.private_left_s = max(chase.private_left_s - step_s, 0.0)
                self._press(chase)

    def send_again(self, intent: Intent, *, private: bool) -> SourceRejected | None:
        """Send the current bytes once more; the error where nodes refuse them for good."""
        try:
            self._attempts.send(intent, private=private)
        except SourceRejected as error:
            return error
        except OutcomeUnknown:
            pass  # The chain has the last word: whoever called waits for a receipt next.
        return None

    def needs_more(self, intent: Intent) -> bool:
        """True where the current bid is below what the chain asks now."""
        bid = self._journal.read_attempts(intent.key)[-1].bid
        return is_outbid(bid, self._chain.read_fees(), self._chain.rules)

    def _next_step_s(self, chase: _Chase) -> float:
        step_s = min(self._ends.patience_s, self._ends.receipt_timeout_s - chase.waited_s)
        return min(step_s, chase.private_left_s) if chase.private_left_s else step_s

    def _press(self, chase: _Chase) -> None:
        self._nonces.refuse_foreign(chase.intent)
        if self._nonces.resend_below(chase.intent):
            self._send(chase)
            return
        try:
            chase.intent = self._stronger(chase)
        except (LimitExceeded, NotLeading, SignerRefused, TransactionWouldRevert) as error:
            if chase.intent.state is not IntentState.BROADCAST:
                raise  # Its payload was given up before it left, and must not leave now.
            chase.refusals.append(str(error))
        self._send(chase)

    def _stronger(self, chase: _Chase) -> Intent:
        attempts = self._journal.read_attempts(chase.intent.key)
        cancels = [attempt for attempt in attempts if attempt.signed.cancels]
        payloads = len(attempts) - len(cancels)
        if cancels:
            more = len(cancels) < MOST_ATTEMPTS and self._helps(cancels[-1])
            return self._attempts.cancel(chase.intent) if more else chase.intent
        if chase.cancel or payloads >= MOST_ATTEMPTS or len(chase.refusals) >= _MOST_REFUSALS:
            return self._attempts.cancel(chase.intent)
        return self._attempts.outbid(chase.intent) if self._helps(attempts[-1]) else chase.intent

    def _helps(self, last: Attempt) -> bool:
        """A higher bid is of use where tips are, or where the base fee has risen above the bid."""
        rules = self._chain.rules
        return rules.takes_tips or is_outbid(last.bid, self._chain.read_fees(), rules)

    def _send(self, chase: _Chase) -> None:
        error = self.send_again(chase.intent, private=chase.private_left_s > 0)
        if error is None:
            return
        if current_attempt(self._journal, chase.intent).cancels:
            raise OutcomeUnknown(
                f"{describe(chase.intent)}: node refuses payload and self-transfer: {error}"
            ) from error
        chase.refusals.append(str(error))

    def _wait(self, intent: Intent, timeout_s: float) -> tuple[SignedTransaction, Receipt] | None:
        """Wait for a receipt of any attempt: mostly for that of the current one, with a glance at the others."""
        current, left_s = current_attempt(self._journal, intent), timeout_s
        several = len(self._journal.read_signed(intent.key)) > 1
        while True:
            step_s = min(left_s, _GLANCE_S) if several else left_s
            receipt = self._chain.wait_for_receipt(current.tx_hash, step_s)
            found = (current, receipt) if receipt else self._settling.mined(intent)
            left_s -= step_s
            if found or left_s <= 0:
                return found

    def _after_lost_block(self, chase: _Chase) -> None:
        chase.lost_blocks += 1
        if chase.lost_blocks > _MOST_REORGANISATIONS:
            raise OutcomeUnknown(
                f"{describe(chase.intent)}: its block changed {_MOST_REORGANISATIONS} times while it was read"
            )
        chase.waited_s = 0.0
        error = self.send_again(chase.intent, private=False)  # it was public in a block
        if error is not None and not self._settling.mined(chase.intent):
            raise OutcomeUnknown(f"{describe(chase.intent)}: lost to a reorganisation, resend refused: {error}")

    def _in_words(self, chase: _Chase) -> str:
        attempts = self._journal.read_signed(chase.intent.key)
        refused = f"; no more is bid: {chase.refusals[-1]}" if chase.refusals else ""
        return (
            f"{describe(chase.intent)}: no receipt of {attempts[-1].tx_hash} after {self._ends.receipt_timeout_s:g} s"
            f" ({len(attempts)} attempts){refused}"
        )
