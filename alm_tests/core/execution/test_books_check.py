"""Books equal chain, or the chain stands still: a lost row, a doubled one, a wrong decimal, whichever side it is on."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from alm_core.execution.books_check import BOOKS_EQUAL_CHAIN, BooksVerdict, check_books, look_at_books
from alm_core.execution.settling import Settling
from alm_core.model.books import LedgerEntry
from alm_core.model.errors import OutcomeUnknown
from alm_tests.core.execution.fakes import OTHER_TOKEN, TOKEN, WALLET, transfer_intent
from alm_tests.core.execution.test_reconcile import Wallet, position, tracked_pool


@pytest.fixture
def wallet() -> Wallet:
    opened = Wallet()
    opened.adapter.positions = (position(4),)
    opened.reconcile()
    for number in range(3):
        opened.engine.run(opened.journal.add_intents([transfer_intent(number)])[0])
    return opened


def checked(wallet: Wallet) -> BooksVerdict:
    waits: list[float] = []
    (verdict,) = check_books([wallet.view()], wallet.journal, waits.append)
    assert len(waits) == (2 if verdict.differences or verdict.unproven else 0)
    return verdict


def spoil(wallet: Wallet, statement: str) -> None:
    with wallet.journal.writing() as connection:
        assert connection.execute(sa.text(statement)).rowcount == 1


@pytest.mark.control("books_equal_chain", "passes")
def test_books_of_own_transactions_and_a_position_are_proven_and_sum_to_nothing(wallet: Wallet) -> None:
    verdict = checked(wallet)
    assert (verdict.differences, verdict.unproven) == ((), None)
    assert verdict.balance["wallet", TOKEN] == wallet.chain.now.tokens[TOKEN]
    assert verdict.balance["gas", "native"] == 10**18 - wallet.chain.now.native
    for token in (TOKEN, OTHER_TOKEN, "native"):
        assert sum(amount for (_, of), amount in verdict.balance.items() if of == token) == 0
    assert wallet.journal.read_halt(wallet.chain.chain_id, WALLET) is None
    assert wallet.journal.read_discrepancies(wallet.chain.chain_id, WALLET) == ()


SPOILT = {
    "one ledger row is lost": "DELETE FROM ledger WHERE seq = (SELECT max(seq) FROM ledger WHERE kind = 'transfer')",
    "the row of the gas is lost": "DELETE FROM ledger WHERE seq = (SELECT max(seq) FROM ledger WHERE kind = 'gas')",
    "the row of an opening balance is lost": f"DELETE FROM ledger WHERE kind = 'opening' AND token = '{OTHER_TOKEN}'",
    "one log is there twice": (
        "INSERT INTO ledger (chain_id, wallet, token, delta, kind, tx_hash, log_index, intent_key) SELECT chain_id, "
        "wallet, token, delta, kind, tx_hash, log_index + 9, intent_key FROM ledger WHERE seq = "
        "(SELECT max(seq) FROM ledger WHERE kind = 'transfer')"
    ),
    "one decimal is wrong": "UPDATE ledger SET delta = delta || '0' WHERE seq = (SELECT max(seq) FROM ledger "
    "WHERE kind = 'transfer')",
    "one posting is lost": "DELETE FROM postings WHERE seq = (SELECT max(seq) FROM postings)",
    "one posting is there twice": (
        "INSERT INTO postings (chain_id, wallet, account, token, delta, tx_hash, log_index) SELECT chain_id, wallet, "
        "'fees:x:1', token, delta, tx_hash, log_index FROM postings WHERE seq = (SELECT max(seq) FROM postings)"
    ),
    "one posting is of another decimal": "UPDATE postings SET delta = delta || '0' WHERE seq = (SELECT max(seq) "
    "FROM postings WHERE account = 'gas')",
    "one side of a stake is lost": "DELETE FROM postings WHERE account LIKE 'stake:%'",
    "a stake is of another decimal": "UPDATE postings SET delta = delta || '0' WHERE account LIKE 'stake:%'",
}


@pytest.mark.control("books_equal_chain", "fires")
@pytest.mark.parametrize("what", SPOILT)
def test_one_row_that_is_not_as_it_was_halts_the_chain_and_is_written_down(wallet: Wallet, what: str) -> None:
    spoil(wallet, SPOILT[what])
    chain_id = wallet.chain.chain_id
    before = wallet.journal.read_reconciled(chain_id, WALLET)
    report = wallet.reconcile()
    assert not report.green
    assert wallet.journal.read_reconciled(chain_id, WALLET) == before, "nothing is adopted over broken books"
    verdict = checked(wallet)
    assert next(one.subject for one in verdict.differences) == "change"
    held = wallet.journal.read_halt(chain_id, WALLET)
    assert held is not None
    assert (held.mode, held.set_by) == ("halt", BOOKS_EQUAL_CHAIN)
    found = wallet.journal.read_discrepancies(chain_id, WALLET)
    assert [one.text for one in found] == [one.text for one in verdict.differences]
    assert all(one.found_at is not None and one.block_number == verdict.block_number for one in found)
    # As long as it stands still for it, the same is written down once.
    assert checked(wallet).differences == verdict.differences
    assert wallet.journal.read_discrepancies(chain_id, WALLET) == found
    # A person takes the chain's word: from then on everything is proven again, and what was wrong stays in sight.
    assert wallet.reconcile(books="corrected").green
    assert checked(wallet).differences == ()
    assert wallet.books_equal_chain()
    assert wallet.journal.read_halt(chain_id, WALLET) is not None, "that is for a person to lift"
    assert wallet.journal.read_discrepancies(chain_id, WALLET) == found


def _dropping(entries: Sequence[LedgerEntry]) -> Sequence[LedgerEntry]:
    return entries[1:]


def _twice(entries: Sequence[LedgerEntry]) -> Sequence[LedgerEntry]:
    return (*entries, replace(entries[0], log_index=77))


def _decimal(entries: Sequence[LedgerEntry]) -> Sequence[LedgerEntry]:
    return (replace(entries[0], delta=entries[0].delta * 10), *entries[1:])


@pytest.mark.parametrize("fault", [_dropping, _twice, _decimal])
def test_a_receipt_that_is_booked_wrongly_on_both_sides_differs_from_the_chain(
    wallet: Wallet, fault: Callable[[Sequence[LedgerEntry]], Sequence[LedgerEntry]]
) -> None:
    settle = wallet.journal.settle

    def faulty(key: str, state: Any, receipt: Any, entries: Sequence[LedgerEntry], *rest: Any, **more: Any) -> Any:
        return settle(key, state, receipt, fault(entries), *rest, **more)

    wallet.journal.settle = faulty  # type: ignore[method-assign]
    wallet.engine._settling = Settling(wallet.journal, wallet.chain)
    wallet.engine.run(wallet.journal.add_intents([transfer_intent(9)])[0])
    verdict = checked(wallet)
    assert [one.subject for one in verdict.differences] == ["balance"], "what our own did is never adopted as others'"
    assert wallet.journal.read_halt(wallet.chain.chain_id, WALLET) is not None
    assert not wallet.reconcile().green


def test_stake_that_left_without_a_transaction_of_ours_halts(wallet: Wallet) -> None:
    wallet.adapter.positions = ()
    (difference,) = checked(wallet).differences
    assert (difference.subject, difference.booked, difference.on_chain) == ("stake", 1, 0)
    assert difference.name == f"{tracked_pool().position_manager.lower()}:4"


def test_where_an_outcome_is_unknown_nothing_is_proven_and_nothing_halted(wallet: Wallet) -> None:
    wallet.chain.send_mode, wallet.chain.mining = "answer lost", False
    with pytest.raises(OutcomeUnknown):
        wallet.engine.run(wallet.journal.add_intents([transfer_intent(9)])[0])
    wallet.chain.mine()
    verdict = checked(wallet)
    assert verdict.differences == ()
    assert "outcome unknown" in str(verdict.unproven)
    assert wallet.journal.read_halt(wallet.chain.chain_id, WALLET) is None


def test_a_node_that_lags_behind_the_books_proves_nothing_and_halts_nothing(wallet: Wallet) -> None:
    head, old = wallet.chain.blocks.pop(), wallet.chain.now
    wallet.chain.now = head.before
    wallet.chain.now.nonce = old.nonce
    verdict = checked(wallet)
    assert verdict.differences == ()
    assert str(verdict.unproven) == f"the books are of block {head.number}, the node is at {head.number - 1}"
    assert wallet.journal.read_halt(wallet.chain.chain_id, WALLET) is None


def test_a_difference_that_is_gone_at_the_second_look_is_none(wallet: Wallet) -> None:
    wallet.chain.mine()
    wallet.chain.now.tokens[TOKEN] += 1

    def heal(_: float) -> None:
        wallet.chain.now.tokens[TOKEN] -= 1

    assert look_at_books(wallet.view(), wallet.journal, heal).differences == ()


def test_a_deposit_is_proven_before_it_is_adopted(wallet: Wallet) -> None:
    wallet.chain.move_from_outside(TOKEN, 5)
    assert checked(wallet).differences == ()
    assert wallet.journal.read_halt(wallet.chain.chain_id, WALLET) is None
    assert [note.split()[0] for note in wallet.reconcile().adopted] == ["deposit"]


def test_what_a_lost_block_had_booked_leaves_both_sides_in_order(wallet: Wallet) -> None:
    wallet.chain.reorganise(2, keep=True)
    wallet.engine.recheck()
    wallet.chain.mine()
    wallet.engine.recheck()
    for intent in wallet.journal.read_open_intents(wallet.chain.chain_id, WALLET):
        wallet.engine.resume(intent)
    assert checked(wallet).differences == ()
    with wallet.journal.reading() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM postings WHERE tx_hash LIKE 'gone:%'")).scalar()
