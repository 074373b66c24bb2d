"""The journal: legal steps only, nonces without gaps, books booked once, safe to open and fence off twice."""

import multiprocessing
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given, settings

from alm_core.execution.intents import LEGAL_STEPS
from alm_core.model.books import PositionChange, ReconciledPoint
from alm_core.model.epochs import EPOCH_LENGTH, Epoch
from alm_core.model.errors import BadAnswer, ConfigError, IllegalStep, NotReconciled
from alm_core.model.transactions import IntentState, SignedTransaction
from alm_resources.journal import SqlJournal, database
from alm_resources.journal.tables import HEAD_REVISION, metadata
from alm_tests.core.execution.fakes import TOKEN, WALLET, FakeSigner, transfer_intent
from alm_tests.resources.journal.scene import BID, CHAIN, blank_journal, entry, in_state, receipt


def test_an_intent_comes_back_exactly_as_it_was_stored(journal: SqlJournal) -> None:
    intent = transfer_intent(0, delta=-(2**255))
    assert journal.add_intents([intent]) == (intent,)
    assert journal.add_intents([replace(intent, pair="other")]) == (intent,)
    assert journal.read_plan_intents("plan") == (intent,)
    assert journal.read_epoch_intents(intent.epoch_id) == (intent,)
    assert journal.read_open_intents(CHAIN, WALLET.upper().replace("X", "x")) == (intent,)


def test_an_unknown_key_is_a_key_error_and_find_says_none(journal: SqlJournal) -> None:
    assert journal.find_intent("nothing") is None
    with pytest.raises(KeyError, match="nothing"):
        journal.read_intent("nothing")


@pytest.mark.parametrize("before", list(IntentState))
def test_only_legal_steps_are_taken(tmp_path: Path, before: IntentState) -> None:
    for number, after in enumerate(IntentState):
        journal = blank_journal(tmp_path / f"{number}.db")
        key = in_state(journal, before)
        if after in LEGAL_STEPS[before]:
            assert journal.advance(key, after).state is after
        else:
            with pytest.raises(IllegalStep, match=f"is {before.value}: no step to {after.value}"):
                journal.advance(key, after)
            assert journal.read_intent(key).state is before
        journal.close()


def test_nonces_follow_each_other_and_a_released_one_is_used_again(journal: SqlJournal) -> None:
    keys = [i.key for i in journal.add_intents([transfer_intent(n) for n in range(3)])]
    assert journal.reserve_nonce(keys[0], 5).nonce == 5
    assert journal.release_nonce(keys[0], "not needed")
    assert journal.read_intent(keys[0]).nonce is None
    assert journal.reserve_nonce(keys[1], 5).nonce == 5


def test_one_intent_of_a_wallet_is_in_flight_at_a_time(journal: SqlJournal) -> None:
    first, second = journal.add_intents([transfer_intent(0), transfer_intent(1)])
    journal.reserve_nonce(first.key, 0)
    with pytest.raises(NotReconciled, match="still in flight"):
        journal.reserve_nonce(second.key, 0)


def test_a_nonce_used_elsewhere_is_refused(journal: SqlJournal) -> None:
    in_state(journal, IntentState.FINAL_OK)
    second = journal.add_intents([transfer_intent(1)])[0]
    with pytest.raises(NotReconciled, match="somebody else"):
        journal.reserve_nonce(second.key, 2)
    assert journal.reserve_nonce(second.key, 1).nonce == 1


def test_the_journal_wins_over_a_lagging_node(journal: SqlJournal) -> None:
    in_state(journal, IntentState.FINAL_OK)
    second = journal.add_intents([transfer_intent(1)])[0]
    assert journal.reserve_nonce(second.key, 0).nonce == 1


def test_a_nonce_below_a_taken_one_is_not_handed_back(journal: SqlJournal) -> None:
    first = journal.add_intents([transfer_intent(0)])[0]
    journal.reserve_nonce(first.key, 0)
    journal.add_intents([replace(transfer_intent(1), state=IntentState.FINAL_OK, nonce=1)])
    assert not journal.release_nonce(first.key, "stale")
    assert journal.read_intent(first.key).state is IntentState.RESERVED


def test_a_payload_is_replaced_only_until_it_is_signed(journal: SqlJournal) -> None:
    intent = journal.add_intents([transfer_intent(0)])[0]
    fresh = replace(intent.tx, data="0x01")
    assert journal.replan(intent.key, fresh).tx == fresh
    with pytest.raises(IllegalStep, match="must keep"):
        journal.replan(intent.key, replace(fresh, sender="0x" + "bb" * 20))
    journal.reserve_nonce(intent.key, 0)
    again = journal.replan(intent.key, intent.tx)
    assert (again.tx, again.state, again.nonce) == (intent.tx, IntentState.RESERVED, 0)
    journal.record_signed(intent.key, FakeSigner().sign(again.tx, 0, BID), BID)
    with pytest.raises(IllegalStep):
        journal.replan(intent.key, fresh)


def test_one_hash_belongs_to_one_intent(journal: SqlJournal) -> None:
    in_state(journal, IntentState.FINAL_OK)
    second = journal.add_intents([transfer_intent(1)])[0]
    journal.reserve_nonce(second.key, 1)
    taken = journal.read_signed(journal.read_epoch_intents("P@FINAL_OK")[0].key)[0]
    with pytest.raises(IllegalStep, match="already an attempt"):
        journal.record_signed(second.key, taken, BID)


def test_a_cancelling_attempt_leaves_a_broadcast_intent_where_it_is(journal: SqlJournal) -> None:
    key = in_state(journal, IntentState.BROADCAST)
    cancel = SignedTransaction(raw="0x01", tx_hash="0xcc", cancels=True)
    assert journal.record_signed(key, cancel, BID).state is IntentState.BROADCAST
    assert journal.read_signed(key)[-1] == cancel
    with pytest.raises(IllegalStep):
        journal.record_signed(key, SignedTransaction(raw="0x02", tx_hash="0xdd"), BID)


def test_a_higher_bid_leaves_a_broadcast_intent_where_it_is_and_keeps_every_attempt(journal: SqlJournal) -> None:
    key = in_state(journal, IntentState.BROADCAST)
    higher = replace(BID, max_fee_per_gas_wei=2**70, max_priority_fee_per_gas_wei=2)
    second = SignedTransaction(raw="0x02", tx_hash="0xdd")
    assert journal.record_signed(key, second, higher).state is IntentState.BROADCAST
    attempts = journal.read_attempts(key)
    assert [attempt.bid for attempt in attempts] == [BID, higher]
    assert attempts[1].signed == second == journal.read_signed(key)[1]
    assert attempts[0].signed_at <= attempts[1].signed_at
    with journal.reading() as connection:
        numbers = connection.execute(sa.text("SELECT attempt_no FROM attempts ORDER BY signed_at, attempt_no"))
        assert list(numbers.scalars()) == [1, 2]
    assert attempts[0].signed_at.tzinfo is not None


def test_intents_are_found_by_the_nonces_they_hold(journal: SqlJournal) -> None:
    later, earlier, none = (transfer_intent(number) for number in range(3))
    journal.add_intents([replace(later, nonce=7, state=IntentState.RESERVED), replace(earlier, nonce=5), none])
    assert [intent.nonce for intent in journal.read_from_nonce(CHAIN, WALLET, 5)] == [5, 7]
    assert [intent.nonce for intent in journal.read_from_nonce(CHAIN, WALLET, 6)] == [7]
    assert journal.read_from_nonce(1, WALLET, 0) == ()


def test_intents_of_a_pair_are_found_from_a_moment_on(journal: SqlJournal) -> None:
    at = datetime(2026, 11, 22, 12, 15, tzinfo=UTC)
    epochs = [Epoch(pair="P", epoch_at=at + number * EPOCH_LENGTH).epoch_id for number in range(3)]
    intents = journal.add_intents([transfer_intent(0, epoch) for epoch in epochs])
    journal.add_intents([replace(transfer_intent(1, epochs[2]), pair="Q")])
    assert journal.read_intents_since("P", at + EPOCH_LENGTH) == intents[1:]
    assert journal.read_intents_since("P", at + EPOCH_LENGTH + timedelta(minutes=1)) == intents[1:]
    assert journal.read_intents_since("P", at) == intents


def test_a_stored_payload_that_cannot_be_read_is_named(journal: SqlJournal) -> None:
    key = journal.add_intents([transfer_intent(0)])[0].key
    with journal.writing() as connection:
        connection.execute(sa.text("UPDATE intents SET tx = '{}'"))
    with pytest.raises(BadAnswer, match=key):
        journal.read_intent(key)


def test_a_process_that_finds_the_tables_made_meanwhile_makes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blank_journal(tmp_path / "journal.db").close()
    seen, real = [], database._revision

    def late(connection: sa.Connection) -> str | None:
        seen.append(real(connection))
        return None if len(seen) == 1 else seen[-1]

    monkeypatch.setattr(database, "_revision", late)
    SqlJournal(f"sqlite:///{tmp_path / 'journal.db'}").close()
    assert seen == [HEAD_REVISION, HEAD_REVISION]


def test_two_intents_with_one_nonce_are_refused_in_our_own_words(journal: SqlJournal) -> None:
    journal.add_intents([replace(transfer_intent(0), nonce=5)])
    with pytest.raises(IllegalStep, match="refuses it") as caught:
        journal.add_intents([replace(transfer_intent(1), nonce=5)])
    assert journal.find_intent(transfer_intent(1).key) is None
    assert transfer_intent(1).key not in str(caught.value.__cause__), "values of rows are in no traceback"


def test_settling_books_everything_at_once_or_nothing(journal: SqlJournal) -> None:
    key = in_state(journal, IntentState.MINED)
    opened = PositionChange(chain_id=CHAIN, wallet=WALLET, manager="0xAB", token_id=2**200, opened=True, intent_key=key)
    journal.settle(key, IntentState.FINAL_OK, receipt(), [entry(-(2**250))], [opened])
    assert journal.read_ledger_sums(CHAIN, WALLET) == {TOKEN: -(2**250)}
    assert journal.read_positions(CHAIN, WALLET) == {("0xab", 2**200)}
    assert journal.read_receipt(key) == receipt()
    with pytest.raises(IllegalStep):
        journal.settle(key, IntentState.FINAL_OK, receipt(), [entry(-1, "0xee")])
    assert journal.read_ledger_sums(CHAIN, WALLET) == {TOKEN: -(2**250)}


def test_a_settlement_that_is_not_terminal_is_refused(journal: SqlJournal) -> None:
    key = in_state(journal, IntentState.MINED)
    with pytest.raises(IllegalStep, match="not terminal"):
        journal.settle(key, IntentState.BROADCAST, receipt(), [])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(-(2**255), 2**255), st.integers(0, 3)), max_size=12))
def test_the_same_change_is_booked_once_however_often_it_is_added(changes: list[tuple[int, int]]) -> None:
    folder = Path(tempfile.mkdtemp())
    journal = blank_journal(folder / "journal.db")
    first: dict[int, int] = {}
    for delta, index in changes:
        journal.add_ledger_entries([entry(delta, log_index=index)])
        first.setdefault(index, delta)
    assert journal.read_ledger_sums(CHAIN, WALLET).get(TOKEN, 0) == sum(first.values())
    journal.close()
    shutil.rmtree(folder)


def test_reconciliation_is_remembered_with_what_it_adopted(journal: SqlJournal) -> None:
    assert journal.read_reconciled(CHAIN, WALLET) is None
    point = ReconciledPoint(chain_id=CHAIN, wallet=WALLET, block_number=9, block_hash="0x09", nonce=4)
    journal.record_reconciled(point, [entry(7)], [])
    journal.record_reconciled(replace(point, block_number=10), [entry(7)], [])
    assert journal.read_reconciled(CHAIN, WALLET) == replace(point, block_number=10)
    assert journal.read_ledger_sums(CHAIN, WALLET) == {TOKEN: 7}
    assert journal.read_next_nonce(CHAIN, WALLET) == 4
    assert journal.read_unbooked([entry(7), entry(8, "0xff")]) == (entry(8, "0xff"),)


def test_an_executor_that_lost_the_lead_moves_nothing(journal: SqlJournal, tmp_path: Path) -> None:
    with journal.reading() as connection:
        url = connection.engine.url
    other = SqlJournal(url.render_as_string(hide_password=False))
    intent = journal.add_intents([transfer_intent(0)])[0]
    assert (journal.take_lead(CHAIN, WALLET), other.take_lead(CHAIN, WALLET)) == (1, 2)
    steps: list[Callable[[], object]] = [
        lambda: journal.reserve_nonce(intent.key, 0),
        lambda: journal.release_nonce(intent.key, "x"),
        lambda: journal.replan(intent.key, intent.tx),
        lambda: journal.add_intents([transfer_intent(1)]),
    ]
    for step in steps:
        with pytest.raises(NotReconciled, match="another executor"):
            step()
    assert other.reserve_nonce(intent.key, 0).nonce == 0
    other.close()


def test_sqlite_is_durable_and_the_tables_are_those_of_the_migrations(tmp_path: Path) -> None:
    journal = SqlJournal(f"sqlite:///{tmp_path / 'new folder' / 'journal.db'}")
    with journal.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    journal.close()


def test_many_processes_may_open_a_new_journal_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert sorted(pool.map(_take_lead, [url] * 3)) == [1, 2, 3]


def test_other_databases_and_broken_urls_are_refused_without_showing_them() -> None:
    with pytest.raises(ConfigError, match="mysql"):
        SqlJournal("mysql://user:canary@host/db")
    with pytest.raises(ConfigError) as caught:
        SqlJournal("canary-no-url")
    assert "canary" not in str(caught.value)


def _take_lead(url: str) -> int:
    return SqlJournal(url).take_lead(CHAIN, WALLET)


def test_our_own_transactions_are_those_that_intents_are_settled_with(journal: SqlJournal) -> None:
    in_state(journal, IntentState.FINAL_OK)
    assert journal.read_own(["0xaa", "0xbb"]) == {"0xaa"}
    assert journal.read_own([]) == frozenset()
