"""One intent through its whole life over ports: checked, simulated, reserved, signed, journalled, sent, settled.

Order of effects, so that a crash anywhere leaves something that can be finished: limits and simulation change nothing;
the nonce is durable before signing; bytes and hash are durable (SIGNED) before BROADCAST is recorded; BROADCAST is
durable before the first send. Whatever is still SIGNED was therefore never sent, and whatever is BROADCAST may have
been: it is asked for on chain, sent again byte for byte, or replaced under its own nonce, never made anew.
"""

from alm_core.execution.attempts import Attempts, Ends, TransactionGuard
from alm_core.execution.finality import reopen_lost
from alm_core.execution.intents import SENT, describe
from alm_core.execution.nonces import Nonces
from alm_core.execution.pursuit import Pursuit
from alm_core.execution.settling import Settling
from alm_core.model.books import Journal
from alm_core.model.chain_ports import ChainClient
from alm_core.model.errors import OutcomeUnknown, SourceRejected
from alm_core.model.ports import Signer
from alm_core.model.transactions import Intent, IntentState

__all__ = ["TransactionEngine", "TransactionGuard", "describe"]


class TransactionEngine:
    """Carries intents of one wallet on one chain from PLANNED to a terminal state.

    Parameters
    ----------
    journal, chain, signer
        Ports. The signer's address is the wallet.
    limits_guard
        Asked before every signature: of the payload before a nonce is reserved, and of every higher bid.
    receipt_timeout_s
        Wait for a receipt, all attempts together, before the outcome counts as unknown. Attempts follow each other
        after ``chain.rules.bump_after_s``: no bid is raised where that is not less.
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
        ends = Ends(
            journal=journal,
            chain=chain,
            signer=signer,
            guard=limits_guard,
            fence=fence,
            receipt_timeout_s=receipt_timeout_s,
        )
        self._journal = journal
        self._chain = chain
        self._wallet = signer.address
        self._nonces = Nonces(journal, chain, self._wallet, ends.patience_s)
        self._settling = Settling(journal, chain)
        self._attempts = Attempts(ends, self._nonces)
        self._pursuit = Pursuit(ends, self._attempts, self._nonces, self._settling)

    def run(self, intent: Intent) -> Intent:
        """Carry a stored intent from whatever state it is in to a terminal one, and return it.

        Raises
        ------
        LimitExceeded, TransactionWouldRevert, SignerRefused, SourceError
            Before anything was sent; the intent is left PLANNED or RESERVED, or given up if signing or the very first
            send was refused. ``GasReserveShort`` among them where the wallet cannot pay.
        OutcomeUnknown
            If it may have landed and the chain does not tell. Run it again later: it is asked for, never repeated.
        NotReconciled
            If the nonce was used by somebody else; the wallet is halted on this chain then.
        """
        if intent.state in (IntentState.PLANNED, IntentState.RESERVED):
            intent = self._attempts.sign_first(intent)
        if intent.state is IntentState.SIGNED:
            return self._send_first(intent)
        return self.resume(intent)

    def resume(self, intent: Intent) -> Intent:
        """Finish an intent whose bytes may be out: receipts of all attempts first, else the identical bytes again."""
        if intent.state in (IntentState.PLANNED, IntentState.RESERVED, IntentState.SIGNED):
            return self.run(intent)
        return self._take_up(intent, cancel=False) if intent.state in SENT else intent

    def watch(self, intent: Intent) -> Intent:
        """Settle an intent whose bytes may be out if the chain has a receipt, else send the identical bytes again.

        Nothing is signed: a process that does not lead the wallet may do this.
        """
        intent = self._settled_if_mined(intent)
        if intent.state in SENT:
            error = self._pursuit.send_again(intent, private=self._attempts.private_left_s(intent) > 0)
            if error is not None:
                raise OutcomeUnknown(f"{describe(intent)}: resend refused: {error}") from error
        return intent

    def retire(self, intent: Intent) -> Intent:
        """Bring an intent of an abandoned plan to its end: expire what never left, settle or cancel what may have.

        An unsent intent hands its nonce back; where a later nonce is taken already, a self-transfer frees the way. Of
        one that is out no payload is signed again: where the chain does not mine it in time, a self-transfer takes its
        place.
        """
        if intent.state in SENT:
            return self._take_up(intent, cancel=True)
        if intent.state.terminal:
            return intent
        if self._journal.release_nonce(intent.key, "plan superseded before it was sent"):
            return self._journal.read_intent(intent.key)
        return self._pursuit.finish(intent, cancel=True, at_once=True)

    def recheck(self, *, leads: bool = True) -> tuple[Intent, ...]:
        """Look again at what is settled and not final, and at nonces that the chain lost. Call it before open intents.

        A settled intent whose block is gone is taken back, sent again byte for byte, and settled by what becomes of it.
        Who leads the wallet also fills nonces that nobody holds below one that waits.

        Parameters
        ----------
        leads
            False where nothing may be signed.

        Returns
        -------
        tuple of Intent
            What was reopened or filled, as it stands now.

        Raises
        ------
        NotReconciled
            If the chain counts transactions that are not ours; the wallet is halted on this chain then.
        OutcomeUnknown, SourceError
            If the chain does not tell; what was reopened is in the journal as BROADCAST.
        """
        reopened = reopen_lost(self._journal, self._chain, self._wallet)
        self._nonces.refuse_foreign_count()
        self._nonces.resend_settled(frozenset(intent.key for intent in reopened))
        filled = tuple(self.run(filler) for filler in self._nonces.fillers()) if leads else ()
        take_up = self.resume if leads else self.watch
        return (*filled, *(take_up(intent) for intent in reopened))

    def _send_first(self, intent: Intent) -> Intent:
        intent = self._journal.advance(intent.key, IntentState.BROADCAST)
        try:
            self._attempts.send(intent, private=self._attempts.is_private(intent))
        except SourceRejected as error:
            self._nonces.refuse_foreign(intent)
            if not self._journal.release_nonce(intent.key, f"node refused the first send: {error}"):
                return self._pursuit.finish(intent, cancel=True, at_once=True)
            short = self._attempts.unfunded(intent, error)
            if short is not None:
                raise short from error
            raise
        except OutcomeUnknown:
            pass  # The wait below asks the chain; silence there is raised as unknown.
        return self._pursuit.finish(intent)

    def _take_up(self, intent: Intent, *, cancel: bool) -> Intent:
        intent = self._settled_if_mined(intent)
        if intent.state.terminal:
            return intent
        self._nonces.refuse_foreign(intent)
        if intent.state is IntentState.MINED:
            intent = self._journal.advance(intent.key, IntentState.BROADCAST, "the block it was mined in is gone")
        if self._pursuit.send_again(intent, private=self._attempts.private_left_s(intent) > 0) is None:
            return self._pursuit.finish(intent, cancel=cancel)
        intent = self._settled_if_mined(intent)
        if intent.state.terminal:
            return intent
        # Refused for its price it needs a higher bid; refused for anything else it will never be mined.
        cancel = cancel or not self._pursuit.needs_more(intent)
        return self._pursuit.finish(intent, cancel=cancel, at_once=True)

    def _settled_if_mined(self, intent: Intent) -> Intent:
        found = self._settling.mined(intent)
        return self._settling.settle(intent, *found) if found else intent
