"""From a receipt to the books: whichever attempt is mined decides, and only while its block stands."""

from alm_core.execution.outcome import outcome_of
from alm_core.model.books import Journal
from alm_core.model.chain_ports import ChainClient
from alm_core.model.transactions import Inclusion, Intent, IntentState, Receipt, SignedTransaction


class Settling:
    """Looks for receipts of an intent's attempts, and books them."""

    def __init__(self, journal: Journal, chain: ChainClient) -> None:
        self._journal = journal
        self._chain = chain

    def mined(self, intent: Intent) -> tuple[SignedTransaction, Receipt] | None:
        """Return the attempt that was mined, with its receipt."""
        for attempt in self._journal.read_signed(intent.key):
            receipt = self._chain.read_receipt(attempt.tx_hash)
            if receipt is not None:
                return attempt, receipt
        return None

    def settle(self, intent: Intent, attempt: SignedTransaction, receipt: Receipt) -> Intent:
        """Book what a mined attempt did; back to BROADCAST, and nothing booked, if its block is gone by now."""
        if intent.state is IntentState.BROADCAST:
            intent = self._journal.advance(intent.key, IntentState.MINED, f"block {receipt.block_number}")
        inclusion = self._chain.read_inclusion(receipt)
        if inclusion is Inclusion.GONE:
            return self._journal.advance(intent.key, IntentState.BROADCAST, f"block {receipt.block_number} is gone")
        verdict = outcome_of(intent, attempt, receipt)
        settled = self._journal.settle(
            intent.key,
            verdict.state,
            receipt,
            verdict.entries,
            verdict.positions,
            verdict.detail,
            postings=verdict.postings,
        )
        if inclusion is Inclusion.FINAL:
            self._journal.mark_final(intent.key)
        return settled
