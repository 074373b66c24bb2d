"""A settled intent whose block is gone: everything it booked is reversed, and it is booked anew to the wei."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from alm_core.model.books import LedgerEntry, PositionChange, ReconciledPoint
from alm_core.model.errors import IllegalStep, NotReconciled
from alm_core.model.transactions import IntentState
from alm_resources.journal import SqlJournal
from alm_tests.core.execution.fakes import OTHER_TOKEN, TOKEN, WALLET
from alm_tests.resources.journal.scene import CHAIN, blank_journal, entry, in_state, receipt

ENDS = (IntentState.FINAL_OK, IntentState.FINAL_REVERTED, IntentState.CANCELLED, IntentState.MANUAL)
LAYOUTS = st.lists(
    st.tuples(st.sampled_from([TOKEN, OTHER_TOKEN, "native"]), st.integers(-(2**255), 2**255), st.integers(-2, 4)),
    max_size=5,
    unique_by=lambda change: (change[0], change[2]),
)


def booked(key: str, layout: list[tuple[str, int, int]], tx_hash: str = "0xaa") -> list[LedgerEntry]:
    return [
        replace(entry(delta, tx_hash, log_index), token=token, intent_key=key) for token, delta, log_index in layout
    ]


def position(key: str, *, opened: bool, token_id: int = 7) -> PositionChange:
    return PositionChange(
        chain_id=CHAIN, wallet=WALLET, manager="0xab", token_id=token_id, opened=opened, intent_key=key
    )


@settings(max_examples=40, deadline=None)
@given(rounds=st.lists(st.tuples(LAYOUTS, st.sampled_from(ENDS)), min_size=1, max_size=4))
def test_books_are_those_of_the_last_block_whatever_was_mined_before(
    rounds: list[tuple[list[tuple[str, int, int]], IntentState]],
) -> None:
    folder = Path(tempfile.mkdtemp())
    journal = blank_journal(folder / "journal.db")
    key = in_state(journal, IntentState.MINED)
    journal.add_ledger_entries([entry(10**6, "0x01")])
    for number, (layout, state) in enumerate(rounds):
        if number:
            assert journal.unsettle(key, "gone").state is IntentState.BROADCAST
            assert {token: total for token, total in journal.read_ledger_sums(CHAIN, WALLET).items() if total} == {
                TOKEN: 10**6
            }
            journal.advance(key, IntentState.MINED)
        journal.settle(key, state, replace(receipt(), block_hash=f"0x{number}"), booked(key, layout))
    expected = {TOKEN: 10**6}
    for token, delta, _ in rounds[-1][0]:
        expected[token] = expected.get(token, 0) + delta
    sums = journal.read_ledger_sums(CHAIN, WALLET)
    assert {token: total for token, total in sums.items() if total} == {t: d for t, d in expected.items() if d}
    assert journal.read_one_sided(CHAIN, WALLET) == ()
    others: dict[str, int] = {}
    for (_, token), total in journal.read_accounts(CHAIN, WALLET).items():
        others[token] = others.get(token, 0) + total
    assert {token: -total for token, total in others.items()} == sums
    kinds = journal.read_ledger_sums(CHAIN, WALLET, kind="transfer")
    assert {token: total for token, total in kinds.items() if total} == {t: d for t, d in expected.items() if d}
    journal.close()
    shutil.rmtree(folder)


def test_what_was_opened_is_gone_and_what_was_closed_is_open_again(journal: SqlJournal) -> None:
    key = in_state(journal, IntentState.MINED)
    journal.record_reconciled(
        ReconciledPoint(chain_id=CHAIN, wallet=WALLET, block_number=1, block_hash="0x1", nonce=1),
        [],
        [replace(position(key, opened=True, token_id=5), intent_key=None)],
    )
    changes = [position(key, opened=True), position(key, opened=False, token_id=5)]
    journal.settle(key, IntentState.FINAL_OK, receipt(), [], changes)
    assert journal.read_positions(CHAIN, WALLET) == {("0xab", 7)}
    assert journal.read_opened(key) == {("0xab", 7)}
    journal.unsettle(key, "gone")
    assert journal.read_positions(CHAIN, WALLET) == {("0xab", 5)}
    assert journal.read_opened(key) == frozenset()
    journal.advance(key, IntentState.MINED)
    journal.settle(key, IntentState.FINAL_OK, receipt(), [], [position(key, opened=True, token_id=8)])
    assert journal.read_positions(CHAIN, WALLET) == {("0xab", 5), ("0xab", 8)}


def test_what_is_final_stays(journal: SqlJournal) -> None:
    key = in_state(journal, IntentState.FINAL_OK)
    assert [intent.key for intent in journal.read_unfinal(CHAIN, WALLET)] == [key]
    journal.mark_final(key)
    assert journal.read_unfinal(CHAIN, WALLET) == ()
    with pytest.raises(IllegalStep, match="for good"):
        journal.unsettle(key, "gone")
    assert journal.read_intent(key).state is IntentState.FINAL_OK
    assert journal.read_receipt(key) is not None


@pytest.mark.parametrize("state", [IntentState.PLANNED, IntentState.BROADCAST, IntentState.EXPIRED_UNSENT])
def test_what_was_never_settled_is_not_taken_back(journal: SqlJournal, state: IntentState) -> None:
    key = in_state(journal, state)
    with pytest.raises(IllegalStep):
        journal.unsettle(key, "gone")
    assert journal.read_intent(key).state is state


def test_who_lost_the_lead_neither_settles_nor_takes_back_nor_books(journal: SqlJournal) -> None:
    with journal.reading() as connection:
        other = SqlJournal(connection.engine.url.render_as_string(hide_password=False))
    settled = in_state(journal, IntentState.FINAL_OK)
    journal.take_lead(CHAIN, WALLET)
    other.take_lead(CHAIN, WALLET)
    point = ReconciledPoint(chain_id=CHAIN, wallet=WALLET, block_number=1, block_hash="0x1", nonce=1)
    steps: list[Callable[[], object]] = [
        lambda: journal.unsettle(settled, "gone"),
        lambda: journal.mark_final(settled),
        lambda: journal.add_ledger_entries([entry(1)]),
        lambda: journal.record_reconciled(point, [entry(1)], []),
    ]
    for step in steps:
        with pytest.raises(NotReconciled, match="another executor"):
            step()
    assert journal.read_ledger_sums(CHAIN, WALLET) == {}
    assert [intent.key for intent in journal.read_unfinal(CHAIN, WALLET)] == [settled]
    assert other.unsettle(settled, "gone").state is IntentState.BROADCAST
    other.close()
