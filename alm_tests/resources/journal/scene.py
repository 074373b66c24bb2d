"""Intents led to a state by legal steps, entries and receipts."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from alm_core.model.books import LedgerEntry
from alm_core.model.transactions import FeeBid, IntentState, Receipt
from alm_resources.journal import SqlJournal
from alm_tests.core.execution.fakes import TOKEN, WALLET, FakeSigner, transfer_intent

CHAIN = 8453
BID = FeeBid(gas_limit=1, max_fee_per_gas_wei=2, max_priority_fee_per_gas_wei=1, l1_fee_wei=3)


@cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="alm-journal-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    SqlJournal(f"sqlite:///{folder / 'empty.db'}").close()
    return folder / "empty.db"


def blank_journal(file: Path) -> SqlJournal:
    """An empty journal in a file; migrating one anew takes a third of a second."""
    shutil.copy(_template(), file)
    return SqlJournal(f"sqlite:///{file}")


def entry(delta: int, tx_hash: str = "0xaa", log_index: int = 0) -> LedgerEntry:
    return LedgerEntry(
        chain_id=CHAIN,
        wallet=WALLET,
        token=TOKEN,
        delta=delta,
        kind="transfer",
        tx_hash=tx_hash,
        log_index=log_index,
        intent_key=None,
    )


def receipt(tx_hash: str = "0xaa") -> Receipt:
    return Receipt(
        tx_hash=tx_hash,
        block_number=1,
        block_hash="0xbb",
        succeeded=True,
        gas_used=2**70,
        effective_gas_price_wei=2**70,
        l1_fee_wei=1,
        logs=(),
    )


def in_state(journal: SqlJournal, state: IntentState, number: int = 0) -> str:
    """Lead a fresh intent to a state by legal steps."""
    intent = journal.add_intents([transfer_intent(number, epoch=f"P@{state}")])[0]
    path = [IntentState.RESERVED, IntentState.SIGNED, IntentState.BROADCAST, IntentState.MINED]
    if state is IntentState.EXPIRED_UNSENT:
        assert journal.release_nonce(intent.key, "test")
        return intent.key
    for step in path[: path.index(state) + 1 if state in path else 4 if state.terminal else 0]:
        if step is IntentState.RESERVED:
            intent = journal.reserve_nonce(intent.key, 0)
        elif step is IntentState.SIGNED:
            intent = journal.record_signed(intent.key, FakeSigner().sign(intent.tx, intent.nonce or 0, BID), BID)
        else:
            intent = journal.advance(intent.key, step)
    if state.terminal:
        intent = journal.settle(intent.key, state, receipt(), [])
    assert intent.state is state
    return intent.key
