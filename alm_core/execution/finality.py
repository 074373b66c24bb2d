"""Receipts until they are final: a block that goes away takes back what it had booked."""

from alm_core.execution.intents import nonce_of
from alm_core.model.books import Journal
from alm_core.model.chain_ports import ChainClient
from alm_core.model.transactions import Inclusion, Intent


def reopen_lost(journal: Journal, chain: ChainClient, wallet: str) -> tuple[Intent, ...]:
    """Look again at every settled intent whose block was not final yet.

    Those whose blocks are final now are marked so. Those whose blocks are gone are BROADCAST again, and everything they
    had booked is reversed.

    Returns
    -------
    tuple of Intent
        The reopened ones, lowest nonce first.

    Raises
    ------
    SourceUnavailable
        If the chain does not tell.
    """
    gone: list[tuple[Intent, int]] = []
    for intent in journal.read_unfinal(chain.chain_id, wallet):
        receipt = journal.read_receipt(intent.key)
        if receipt is None:
            continue  # Somebody else has reopened it meanwhile.
        inclusion = chain.read_inclusion(receipt)
        if inclusion is Inclusion.FINAL:
            journal.mark_final(intent.key)
        elif inclusion is Inclusion.GONE:
            gone.append((intent, receipt.block_number))
    # Latest first: what a later one closed must be open again before the one that opened it is taken back.
    gone.sort(key=lambda lost: nonce_of(lost[0]), reverse=True)
    reopened = [journal.unsettle(intent.key, f"block {number} is gone") for intent, number in gone]
    return tuple(reversed(reopened))
