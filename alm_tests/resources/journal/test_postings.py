"""Both sides of the books in the journal: kept, summed, searched for what is missing, and what proofs found of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from alm_core.model.books import Discrepancy, LedgerEntry, OneSided, PositionChange, Posting, ReconciledPoint
from alm_core.model.transactions import IntentState
from alm_resources.journal import SqlJournal
from alm_tests.core.execution.fakes import OTHER_TOKEN, TOKEN, WALLET
from alm_tests.resources.journal.scene import CHAIN, entry, in_state, receipt

STRANGER = "0x" + "ee" * 20


def posting(delta: int, account: str = "stake:0xab:7", **changes: object) -> Posting:
    made = Posting(
        chain_id=CHAIN,
        wallet=WALLET,
        tx_hash="0xaa",
        log_index=3,
        account=account,
        token="stake",
        delta=delta,
        intent_key=None,
    )
    return replace(made, **changes)


STAKED = (posting(5), posting(-5, "issued:0xab"))


def settle(
    journal: SqlJournal, postings: tuple[Posting, ...], entries: tuple[LedgerEntry, ...] = (), number: int = 0
) -> str:
    key = in_state(journal, IntentState.MINED, number)
    journal.settle(key, IntentState.FINAL_OK, receipt(), entries, postings=postings)
    return key


def change(journal: SqlJournal, statement: str) -> None:
    with journal.writing() as connection:
        assert connection.execute(sa.text(statement)).rowcount == 1


def test_entries_come_back_as_they_were_booked_and_in_that_order(journal: SqlJournal) -> None:
    key = in_state(journal, IntentState.MINED)
    booked = (
        replace(entry(-(2**255), "0x02", 9), intent_key=key),
        replace(entry(7, "0x01"), token="native", kind="gas"),
        replace(entry(8, "0x03", -2), token=OTHER_TOKEN, kind="bridge"),
    )
    journal.add_ledger_entries(booked)
    journal.add_ledger_entries([replace(entry(1), wallet=STRANGER), replace(entry(2), chain_id=1)])
    assert journal.read_entries(CHAIN, WALLET.upper().replace("X", "x")) == booked
    assert journal.read_entries(CHAIN, "0x00") == ()


def test_every_entry_has_its_other_side_and_what_is_settled_beside_them_has_both(journal: SqlJournal) -> None:
    settle(journal, STAKED, (replace(entry(-4), kind="gas", token="native"),))
    assert journal.read_postings(CHAIN, WALLET) == (
        posting(4, "gas", token="native", log_index=0),
        *STAKED,
    )
    assert journal.read_one_sided(CHAIN, WALLET) == ()
    assert journal.read_accounts(CHAIN, WALLET) == {
        ("gas", "native"): 4,
        ("stake:0xab:7", "stake"): 5,
        ("issued:0xab", "stake"): -5,
    }
    assert journal.read_accounts(CHAIN, WALLET, "stake:") == {("stake:0xab:7", "stake"): 5}
    assert journal.read_accounts(CHAIN, WALLET, "s%") == {}, "a name begins so, it is no pattern"
    assert journal.read_accounts(1, WALLET) == {} == journal.read_accounts(CHAIN, STRANGER)


def test_what_is_adopted_brings_its_positions_and_both_sides_of_their_stakes(journal: SqlJournal) -> None:
    point = ReconciledPoint(chain_id=CHAIN, wallet=WALLET, block_number=9, block_hash="0x09", nonce=4)
    held = PositionChange(chain_id=CHAIN, wallet=WALLET, manager="0xAB", token_id=7, opened=True, intent_key=None)
    journal.record_reconciled(point, [], [held], postings=STAKED)
    assert journal.read_positions(CHAIN, WALLET) == {("0xab", 7)}
    assert journal.read_postings(CHAIN, WALLET) == STAKED
    journal.record_reconciled(point, [], [replace(held, opened=False)])
    assert journal.read_positions(CHAIN, WALLET) == frozenset()


def test_only_changes_without_any_side_in_the_books_are_unbooked(journal: SqlJournal) -> None:
    settle(journal, STAKED)
    other = (
        posting(5, tx_hash="0xbb"),
        posting(5, log_index=4),
        posting(5, token=TOKEN),
        posting(5, wallet=STRANGER),
        posting(5, chain_id=1),
    )
    # The same change has an amount and an account of its own once, in whatever letters.
    same = (*STAKED, posting(9, "stake:0xab:8"), posting(5, tx_hash="0xAA", wallet=WALLET.upper().replace("X", "x")))
    assert journal.read_unbooked_postings((*same, *other)) == other
    assert journal.read_unbooked_postings(()) == ()


@pytest.mark.parametrize(
    ("statement", "sides", "total"),
    [
        ("DELETE FROM ledger WHERE delta = '-4'", 1, 4),
        ("DELETE FROM postings WHERE delta = '4'", 1, -4),
        ("UPDATE ledger SET delta = '-5' WHERE delta = '-4'", 2, -1),
        ("UPDATE ledger SET delta = '4' WHERE delta = '-4'", 2, 8),
    ],
)
def test_a_change_is_one_sided_where_a_side_is_missing_or_both_do_not_sum_to_nothing(
    journal: SqlJournal, statement: str, sides: int, total: int
) -> None:
    gas = replace(entry(-4), kind="gas", token="native")
    settle(journal, STAKED, (gas, replace(gas, delta=-6, log_index=1)))
    change(journal, statement)
    assert journal.read_one_sided(CHAIN, WALLET) == (
        OneSided(tx_hash="0xaa", log_index=0, token="native", sides=sides, total=total),
    )
    assert journal.read_one_sided(1, WALLET) == () == journal.read_one_sided(CHAIN, STRANGER)


@pytest.mark.parametrize(("account", "in_order"), [("adjustment", True), ("unsorted:0xab", False)])
def test_three_sides_are_in_order_only_where_a_person_added_one(
    journal: SqlJournal, account: str, in_order: bool
) -> None:
    settle(journal, (), (replace(entry(-4), kind="gas", token="native"),))
    change(journal, "UPDATE ledger SET delta = '-5' WHERE delta = '-4'")
    columns = "chain_id, wallet, account, token, delta, tx_hash, log_index"
    added = f"INSERT INTO postings ({columns}) SELECT chain_id, wallet, '{account}', token, '1', tx_hash, log_index "
    change(journal, added + "FROM postings WHERE account = 'gas'")
    told = OneSided(tx_hash="0xaa", log_index=0, token="native", sides=3, total=0)
    assert journal.read_one_sided(CHAIN, WALLET) == (() if in_order else (told,))
    change(journal, f"UPDATE postings SET delta = '2' WHERE account = '{account}'")
    assert journal.read_one_sided(CHAIN, WALLET) == (replace(told, total=1),), (
        "and what does not balance stays in sight"
    )


def test_what_proofs_found_is_kept_with_the_chains_word_or_without_one(journal: SqlJournal) -> None:
    begun = datetime.now(UTC) - timedelta(seconds=1)
    found = tuple(
        Discrepancy(
            chain_id=CHAIN,
            wallet=WALLET,
            block_number=number,
            subject="native",
            booked=-(2**255),
            on_chain=on_chain,
            text=f"number {number}",
        )
        for number, on_chain in enumerate((2**255, None, 0))
    )
    journal.record_discrepancies(found[:1])
    journal.record_discrepancies([*found[1:], replace(found[0], wallet=STRANGER), replace(found[0], chain_id=1)])
    kept = journal.read_discrepancies(CHAIN, WALLET)
    assert tuple(replace(one, found_at=None) for one in kept) == found
    assert all(one.found_at is not None and begun <= one.found_at <= datetime.now(UTC) for one in kept)
