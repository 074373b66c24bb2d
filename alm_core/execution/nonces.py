"""Nonces of one wallet on one chain: who used them, which the chain lost, and which nobody ever sent.

The journal is the authority: it says which intent holds which nonce. A count of the chain beyond it means that somebody
else signs with the key. A count below it means that the node lags, or that transactions were lost: their bytes are in
the journal and go out again as they are. Only a nonce that no intent holds, below one that waits, is filled anew.
"""

from contextlib import suppress

from alm_core.execution.intents import SENT, describe, intent_key, nonce_of
from alm_core.execution.settling import Settling
from alm_core.model.books import Journal, ReconciledPoint
from alm_core.model.chain_ports import ChainClient
from alm_core.model.errors import NotReconciled, OutcomeUnknown, SourceRejected
from alm_core.model.transactions import (
    Action,
    Inclusion,
    Intent,
    IntentState,
    Receipt,
    SignedTransaction,
    UnsignedTransaction,
)

_UNSENT = (IntentState.RESERVED, IntentState.SIGNED)
FOREIGN_NONCE = "foreign_nonce"
"""Name of the control that stops a wallet whose key somebody else uses."""


class Nonces:
    """Compares nonces of journal and chain.

    Parameters
    ----------
    journal, chain
        Ports.
    wallet
        Address of the signer.
    patience_s
        How long a node that has counted a nonce may take to show the receipt.
    """

    def __init__(self, journal: Journal, chain: ChainClient, wallet: str, patience_s: float) -> None:
        self._journal = journal
        self._chain = chain
        self._wallet = wallet
        self._patience_s = patience_s
        self._settling = Settling(journal, chain)

    def refuse_foreign(self, intent: Intent) -> None:
        """Refuse to go on where the nonce of an intent was used and none of its attempts was mined.

        Raises
        ------
        NotReconciled
            The wallet is halted on the chain, and the intent is a person's matter.
        """
        if self._chain.read_nonce(self._wallet) <= nonce_of(intent) or self._settling.mined(intent):
            return
        for attempt in self._journal.read_signed(intent.key)[-1:]:
            self._chain.wait_for_receipt(attempt.tx_hash, self._patience_s)
        if self._settling.mined(intent):
            return  # The node that counted the nonce was ahead of the one that had the receipt.
        detail = f"nonce {intent.nonce} was used by a transaction that is not ours"
        self._halt(f"{describe(intent)}: {detail}")
        if intent.state in SENT:
            self._journal.advance(intent.key, IntentState.MANUAL, detail)
        raise NotReconciled(f"{describe(intent)}: {detail}")

    def refuse_foreign_count(self, intent: Intent | None = None) -> int:
        """Return the chain's count of transactions, refusing one that the journal does not explain.

        An unsent ``intent`` that holds a nonce does not explain that the nonce is used.

        Raises
        ------
        NotReconciled
            The wallet is halted on the chain.
        """
        counted = self._chain.read_nonce(self._wallet)
        expected = self._journal.read_next_nonce(self._chain.chain_id, self._wallet)
        known = expected if intent is None or intent.nonce is None else intent.nonce
        if known is not None and counted > known:
            detail = (
                f"chain {self._chain.chain_id} counts {counted} transactions of {self._wallet}, the journal knows "
                f"{known}: somebody else uses the key"
            )
            self._halt(detail)
            raise NotReconciled(detail)
        return counted

    def resend_below(self, intent: Intent) -> bool:
        """Send again what lies below the nonce of an intent and the chain has not; True if anything does."""
        counted = self._chain.read_nonce(self._wallet)
        if counted >= nonce_of(intent):
            return False
        below = [one for one in self._held(counted) if nonce_of(one) < nonce_of(intent)]
        self._resend([one for one in below if one.state not in _UNSENT])
        return True

    def resend_settled(self, reopened: frozenset[str]) -> None:
        """Send again, lowest nonce first, what was settled or ``reopened`` and the chain does not count any more.

        Its bytes were public in a block. What is still under way is left to whoever finishes it.
        """
        counted = self._chain.read_nonce(self._wallet)
        held = self._held(counted)
        self._resend([one for one in held if one.key in reopened or self._journal.read_receipt(one.key) is not None])

    def fillers(self) -> tuple[Intent, ...]:
        """Return intents, stored as RESERVED, for nonces that nobody holds although a later one waits for them.

        A reconciled block that is gone proves no nonces: the count it left in the journal is taken back first.
        """
        counted = self._chain.read_nonce(self._wallet)
        held = self._held(counted)
        floor = self._proven_floor(counted, held)
        taken = {nonce_of(one) for one in held}
        waiting = [nonce_of(one) for one in held if not one.state.terminal]
        settled = [nonce_of(one) for one in held if one.state.terminal]
        first = max([counted, floor, *(nonce + 1 for nonce in settled)])
        missing = [nonce for nonce in range(first, max(waiting, default=first)) if nonce not in taken]
        return self._journal.add_intents([self._filler(nonce, held[-1]) for nonce in missing])

    def _held(self, nonce: int) -> tuple[Intent, ...]:
        return self._journal.read_from_nonce(self._chain.chain_id, self._wallet, nonce)

    def _proven_floor(self, counted: int, held: tuple[Intent, ...]) -> int:
        point = self._journal.read_reconciled(self._chain.chain_id, self._wallet)
        if point is None or point.nonce <= counted:
            return 0
        if self._chain.read_inclusion(_at(point)) is not Inclusion.GONE:
            return point.nonce  # The node that counts less lags behind a block that stands.
        known = max([counted, *(nonce_of(one) + 1 for one in held)])
        if known < point.nonce:
            back = ReconciledPoint(
                chain_id=point.chain_id,
                wallet=point.wallet,
                block_number=point.block_number,
                block_hash=point.block_hash,
                nonce=known,
            )
            self._journal.record_reconciled(back, (), ())
        return 0

    def _filler(self, nonce: int, above: Intent) -> Intent:
        tx, epoch_id = noop_for(self._chain.chain_id, self._wallet, nonce), f"{above.epoch_id}/nonce"
        return Intent(
            key=intent_key(epoch_id, tx.chain_id, self._wallet.lower(), Action.NOOP, nonce, above.key),
            epoch_id=epoch_id,
            pair=above.pair,
            plan_hash=f"nonce {nonce}",
            step_no=nonce,
            tx=tx,
            state=IntentState.RESERVED,
            nonce=nonce,
        )

    def _resend(self, intents: list[Intent]) -> None:
        for intent in intents:
            # Whatever is answered: it may be mined already, and whoever looks for its receipt will know.
            with suppress(OutcomeUnknown, SourceRejected):
                self._chain.send_raw(current_attempt(self._journal, intent))

    def _halt(self, reason: str) -> None:
        self._journal.halt(self._chain.chain_id, self._wallet, reason, set_by=FOREIGN_NONCE)


def current_attempt(journal: Journal, intent: Intent) -> SignedTransaction:
    """Return the attempt of a signed intent that was signed last, or that was mined before its block went away."""
    signed = journal.read_signed(intent.key)
    return next((one for one in signed if one.tx_hash == intent.tx_hash), signed[-1])


def noop_for(chain_id: int, wallet: str, nonce: int) -> UnsignedTransaction:
    """Return the self-transfer of nothing that frees a nonce."""
    return UnsignedTransaction(
        chain_id=chain_id,
        sender=wallet,
        to=wallet,
        data="0x",
        value_wei=0,
        action=Action.NOOP,
        summary=f"free nonce {nonce}",
    )


def _at(point: ReconciledPoint) -> Receipt:
    # Only the block is looked at.
    return Receipt(
        tx_hash="0x",
        block_number=point.block_number,
        block_hash=point.block_hash,
        succeeded=True,
        gas_used=0,
        effective_gas_price_wei=0,
        l1_fee_wei=0,
        logs=(),
    )
