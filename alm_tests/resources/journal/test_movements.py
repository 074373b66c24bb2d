"""The ledger as accounts read it: what each entry was for, and which entries lie between two snapshots."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from alm_core.model.accounts import Movement
from alm_core.model.books import LedgerEntry, PositionChange
from alm_core.model.errors import BadAnswer
from alm_core.model.market import Block, Holdings, InTransit, MarketSnapshot
from alm_core.model.transactions import Action, Intent, IntentState
from alm_core.model.transfers import BridgeTransfer, TransferState
from alm_resources.journal import SqlJournal
from alm_resources.journal.movements import movements_between, read_ledger, read_movements
from alm_tests.core.execution.fakes import OTHER_TOKEN, TOKEN, WALLET, FakeSigner, transfer_intent
from alm_tests.resources.journal.scene import BID, CHAIN, blank_journal, entry, receipt

AT = datetime(2026, 11, 22, 12, 15, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
EPOCH = "P@2026-11-22T12:15:00Z"
POOL = f"{CHAIN}:0x" + "Ab" * 20
ELSEWHERE = 42161
OTHER_WALLET = "0x" + "cd" * 20


@pytest.fixture
def books(tmp_path: Path) -> Iterator[SqlJournal]:
    """On SQLite alone: making thirty journals on Postgres takes longer than all these tests."""
    journal = blank_journal(tmp_path / "journal.db")
    yield journal
    journal.close()


def settled(
    journal: SqlJournal, number: int, block: int = 1, *, epoch: str = EPOCH, opened: int | None = None, **of_tx: Any
) -> Intent:
    """A transaction that is mined in a block, with one entry of the ledger: one raw unit per number."""
    planned = transfer_intent(number, epoch)
    intent = journal.add_intents([replace(planned, tx=replace(planned.tx, **of_tx))])[0]
    intent = journal.reserve_nonce(intent.key, number)
    journal.record_signed(intent.key, FakeSigner().sign(intent.tx, number, BID), BID)
    journal.advance(intent.key, IntentState.BROADCAST)
    journal.advance(intent.key, IntentState.MINED)
    return mined(journal, intent, block, opened=opened)


def mined(journal: SqlJournal, intent: Intent, block: int, *, opened: int | None = None) -> Intent:
    tx_hash, chain_id = f"0x{intent.step_no:02x}", intent.tx.chain_id
    booked = replace(entry(intent.step_no, tx_hash), chain_id=chain_id, intent_key=intent.key)
    made = PositionChange(
        chain_id=chain_id, wallet=WALLET, manager="0xab", token_id=opened or 0, opened=True, intent_key=intent.key
    )
    seen = replace(receipt(tx_hash), block_number=block)
    return journal.settle(intent.key, IntentState.FINAL_OK, seen, [booked], [made] if opened is not None else [])


def deltas(movements: tuple[Movement, ...]) -> list[int]:
    return [one.delta for one in movements]


def place(one: Movement) -> tuple[str | None, int | None, bool]:
    return one.pool_id, one.token_id, one.closes


@pytest.mark.parametrize(
    ("action", "summary", "of_tx", "expected"),
    [
        (Action.OPEN, f"open a position in {POOL}", {"opened": 77}, (POOL, 77, False)),
        (Action.ADD, f"add to a position of {POOL}", {"adds_token_id": 5}, (POOL, 5, False)),
        (Action.CLOSE, f"close position 5 of {POOL}", {"closes_token_id": 5}, (POOL, 5, True)),
        (Action.CLOSE, "close it", {"closes_token_id": 0}, (None, 0, True)),
        (Action.COLLECT, f"collect fees of position 7 of {POOL}", {}, (POOL, 7, False)),
        (Action.CLAIM, f"claim rewards of {POOL}", {}, (POOL, None, False)),
        (Action.APPROVE, f"approve for position 7 of {POOL}", {}, (None, None, False)),
        (Action.APPROVE_RESET, f"approve for position 7 of {POOL}", {}, (None, None, False)),
        (Action.SWAP, f"swap for position 7 of {POOL}", {}, (None, None, False)),
        (Action.BRIDGE, f"bridge for position 7 of {POOL}", {}, (None, None, False)),
        (Action.NOOP, f"instead of position 7 of {POOL}", {}, (None, None, False)),
    ],
)
def test_what_a_transaction_did_belongs_to_the_position_it_names_and_costs_of_the_way_to_none(
    books: SqlJournal, action: Action, summary: str, of_tx: dict[str, Any], expected: tuple[object, ...]
) -> None:
    settled(books, 0, action=action, summary=summary, **of_tx)
    (found,) = read_movements(books, WALLET)
    assert found.action is action
    assert place(found) == expected


def test_an_entry_comes_back_whole_with_block_and_epoch_of_its_transaction(books: SqlJournal) -> None:
    intent = settled(books, 9, 1234, action=Action.COLLECT, summary=f"collect fees of position 7 of {POOL}")
    assert read_movements(books, WALLET.upper().replace("X", "x")) == (
        Movement(
            chain_id=CHAIN,
            token=TOKEN,
            delta=9,
            kind="transfer",
            tx_hash="0x09",
            log_index=0,
            action=Action.COLLECT,
            epoch_at=AT,
            block_number=1234,
            pool_id=POOL,
            token_id=7,
            closes=False,
            intent_key=intent.key,
            seq=1,
        ),
    )
    assert read_movements(books, OTHER_WALLET) == ()


def test_a_deposit_is_for_nothing_and_of_no_known_block(books: SqlJournal) -> None:
    books.add_ledger_entries([replace(entry(5), kind="deposit")])
    (found,) = read_movements(books, WALLET)
    assert (found.action, found.epoch_at, found.block_number, found.intent_key) == (None, None, None, None)
    assert place(found) == (None, None, False)


@pytest.mark.parametrize(
    ("epoch", "at"), [(f"{EPOCH}/nonce", AT), ("P@repair", None), ("P", None), ("exit by hand", None)]
)
def test_what_fills_a_nonce_is_of_the_epoch_above_it_and_an_order_of_a_person_of_none(
    books: SqlJournal, epoch: str, at: datetime | None
) -> None:
    settled(books, 0, epoch=epoch)
    assert [one.epoch_at for one in read_movements(books, WALLET)] == [at]


def test_what_a_lost_block_booked_is_of_no_block_and_what_the_next_one_booked_is(books: SqlJournal) -> None:
    intent = settled(books, 1, 10)
    books.unsettle(intent.key, "its block is gone")
    books.advance(intent.key, IntentState.MINED)
    mined(books, intent, 12)
    settled(books, 2, 13)
    found = read_movements(books, WALLET)
    assert [(one.delta, one.block_number) for one in found] == [(1, None), (-1, None), (1, 12), (2, 13)]
    assert [one.seq for one in found] == [1, 2, 3, 4], "in the order of the books, each once"


def test_of_what_is_after_a_block_neither_that_block_nor_what_has_none_is_read(books: SqlJournal) -> None:
    for number, block in enumerate((10, 11, 12), start=1):
        settled(books, number, block)
    settled(books, 4, 99, chain_id=ELSEWHERE)
    books.add_ledger_entries([replace(entry(5, "0xdd"), kind="deposit"), arrival(6, "0xee")])
    found = read_movements(books, WALLET, {CHAIN: 11})
    assert deltas(found) == [3, 6], "and all that came from other chains: nobody knows of which block"
    assert [one.action for one in found] == [Action.SWAP, None]
    assert deltas(read_movements(books, WALLET, {CHAIN: 10, ELSEWHERE: 98})) == [2, 3, 4, 6]
    assert deltas(read_movements(books, WALLET, {})) == [6]
    assert deltas(read_movements(books, WALLET)) == [1, 2, 3, 4, 5, 6]


def test_payloads_of_transactions_that_are_not_asked_for_are_not_read(books: SqlJournal) -> None:
    old, new = settled(books, 1, 10), settled(books, 2, 20)
    with books.writing() as connection:
        connection.execute(sa.text("UPDATE intents SET tx = '{}' WHERE key = :key"), {"key": old.key})
    assert [one.intent_key for one in read_movements(books, WALLET, {CHAIN: 10})] == [new.key]
    with pytest.raises(BadAnswer, match=old.key):
        read_movements(books, WALLET)


def holdings(chain_id: int, number: int, wallet: str = WALLET) -> Holdings:
    block = Block(chain_id=chain_id, number=number, block_hash=f"0x{number}", block_at=AT)
    return Holdings(block=block, wallet=wallet, native_wei=0, balances=(), positions=())


def snapshot(at: datetime, *held: Holdings, on_its_way: tuple[BridgeTransfer, ...] = ()) -> MarketSnapshot:
    return MarketSnapshot(
        pair="P",
        epoch_at=at,
        quote_usd=1.0,
        chains=(),
        pools=(),
        markets=(),
        holdings=held,
        in_transit=tuple(
            InTransit(
                from_chain=one.from_chain,
                to_chain=one.to_chain,
                token=one.buy_token.upper().replace("X", "x"),
                amount=one.expected_amount,
                started_at=one.started_at,
            )
            for one in on_its_way
        ),
    )


def test_between_two_snapshots_is_what_came_after_the_block_of_one_and_up_to_that_of_the_other(
    books: SqlJournal,
) -> None:
    for number, block in enumerate((10, 11, 20, 21), start=1):
        settled(books, number, block)
    books.add_ledger_entries([replace(entry(5, "0xdd"), kind="deposit")])
    before, now = snapshot(AT, holdings(CHAIN, 10)), snapshot(AT + QUARTER, holdings(CHAIN, 20))
    found = movements_between(books, before, now)
    assert deltas(found.movements) == [2, 3]
    assert (found.pair, found.from_at, found.to_at) == ("P", AT, AT + QUARTER)
    assert read_ledger(books, "P", WALLET).between(before, now) == found


def test_a_chain_that_only_the_later_snapshot_holds_counts_from_its_first_block(books: SqlJournal) -> None:
    for number, block in enumerate((0, 1, 20, 21), start=1):
        settled(books, number, block, chain_id=ELSEWHERE)
    here = holdings(CHAIN, 5)
    now = snapshot(AT + QUARTER, here, holdings(ELSEWHERE, 20))
    assert deltas(movements_between(books, snapshot(AT, here), now).movements) == [1, 2, 3]
    whole = read_ledger(books, "P", WALLET)
    assert deltas(whole.between(snapshot(AT, here), now).movements) == [1, 2, 3]
    gone = whole.between(snapshot(AT, here, holdings(ELSEWHERE, 0)), snapshot(AT + QUARTER, here))
    assert gone.movements == (), "and one that it does not hold counts nothing"


def test_snapshots_without_a_wallet_have_nothing_between_and_of_two_wallets_both_count(books: SqlJournal) -> None:
    settled(books, 1, 15)
    assert movements_between(books, snapshot(AT), snapshot(AT + QUARTER)).movements == ()
    before = snapshot(AT, holdings(CHAIN, 10), holdings(CHAIN, 10, OTHER_WALLET))
    now = snapshot(AT + QUARTER, holdings(CHAIN, 20), holdings(CHAIN, 20, OTHER_WALLET.upper().replace("X", "x")))
    assert deltas(movements_between(books, before, now).movements) == [1]


def sent(journal: SqlJournal, number: int, started_at: datetime, **changes: Any) -> BridgeTransfer:
    """A transfer of 1000 on its way from the one chain to the other."""
    intent = transfer_intent(number, EPOCH)
    intent = replace(intent, tx=replace(intent.tx, chain_id=ELSEWHERE, action=Action.BRIDGE))
    transfer = BridgeTransfer(
        intent_key=intent.key,
        pair="P",
        wallet=WALLET,
        from_chain=ELSEWHERE,
        to_chain=CHAIN,
        asset="base",
        sell_token=TOKEN,
        buy_token=TOKEN,
        sent_amount=1000,
        expected_amount=1000,
        min_amount=990,
        tool="test",
        started_at=started_at,
        state=TransferState.IN_TRANSIT,
    )
    journal.add_transfer(intent, replace(transfer, **changes))
    return replace(transfer, **changes)


def arrival(delta: int, tx_hash: str) -> LedgerEntry:
    return replace(entry(delta, tx_hash), kind="bridge")


def arrived(journal: SqlJournal, transfer: BridgeTransfer, amount: int, tx_hash: str) -> BridgeTransfer:
    got = {"received_token": TOKEN, "received_amount": amount, "arrival_tx": tx_hash.upper().replace("X", "x")}
    done = replace(transfer, state=TransferState.ARRIVED, **got)
    return journal.store_transfer(done, [arrival(amount, tx_hash)])


HERE = holdings(CHAIN, 10)


def came(journal: SqlJournal, first: tuple[BridgeTransfer, ...], last: tuple[BridgeTransfer, ...]) -> list[int]:
    before, now = snapshot(AT, HERE, on_its_way=first), snapshot(AT + QUARTER, HERE, on_its_way=last)
    return deltas(movements_between(journal, before, now).movements)


def test_what_crossed_counts_between_the_snapshots_of_which_only_the_first_has_it_on_its_way(
    books: SqlJournal,
) -> None:
    transfer = sent(books, 1, AT - QUARTER)
    assert came(books, (transfer,), (transfer,)) == [], "on its way at both"
    arrived(books, transfer, 998, "0xab")
    assert came(books, (transfer,), ()) == [998]
    assert came(books, (transfer,), (transfer,)) == [], "it came after the later one was read"
    assert came(books, (), ()) == [], "it was there at the first"
    before, now = snapshot(AT, HERE, on_its_way=(transfer,)), snapshot(AT + QUARTER, HERE)
    (one,) = movements_between(books, before, now).movements
    assert (one.intent_key, one.from_chain, one.chain_id) == (transfer.intent_key, ELSEWHERE, CHAIN)


@pytest.mark.parametrize(
    ("since", "expected"),
    [(-QUARTER, []), (timedelta(0), [998]), (QUARTER / 2, [998]), (QUARTER, [])],
)
def test_what_was_sent_since_the_first_snapshot_and_came_counts(
    books: SqlJournal, since: timedelta, expected: list[int]
) -> None:
    arrived(books, sent(books, 1, AT + since), 998, "0xab")
    assert came(books, (), ()) == expected


def test_of_two_transfers_that_look_alike_as_many_came_as_are_no_longer_on_their_way(books: SqlJournal) -> None:
    alike = sent(books, 1, AT - QUARTER), sent(books, 2, AT - QUARTER)
    for transfer, tx_hash in zip(alike, ("0xa1", "0xa2"), strict=True):
        arrived(books, transfer, 998, tx_hash)
    assert came(books, alike, alike) == []
    assert came(books, alike, alike[:1]) == [998]
    assert came(books, alike, ()) == [998, 998]
    assert came(books, alike[:1], ()) == [998], "the other one was there before"


@pytest.mark.parametrize(
    "unlike",
    [
        {"expected_amount": 999},
        {"buy_token": OTHER_TOKEN},
        {"started_at": AT - 2 * QUARTER},
        {"from_chain": 1},
        {"to_chain": 1},
    ],
)
def test_what_is_on_its_way_keeps_nothing_else_from_having_come(books: SqlJournal, unlike: dict[str, Any]) -> None:
    came_late, other = sent(books, 1, AT - QUARTER), sent(books, 2, **{"started_at": AT - QUARTER, **unlike})
    arrived(books, came_late, 998, "0xab")
    assert came(books, (other, came_late), (other,)) == [998]
    assert came(books, (other,), ()) == [], "only that one was on its way"


def test_a_transfer_of_which_nothing_came_does_not_stand_for_one_that_did(books: SqlJournal) -> None:
    sent(books, 1, AT - QUARTER)
    came_late = sent(books, 2, AT - QUARTER)
    arrived(books, came_late, 998, "0xab")
    assert came(books, (came_late,), ()) == [998]


def test_what_arrived_without_a_known_transfer_counts_nowhere(books: SqlJournal) -> None:
    transfer = sent(books, 1, AT - QUARTER)
    arrived(books, transfer, 998, "0xab")
    books.add_ledger_entries([arrival(7, "0xff")])
    assert came(books, (transfer,), ()) == [998]
    stranger = read_ledger(books, "P", WALLET).movements[-1]
    assert (stranger.delta, stranger.intent_key, stranger.from_chain) == (7, None, None)


def test_transfers_of_a_wallet_are_those_of_all_its_pairs_finished_or_not_and_of_no_other_wallet(
    books: SqlJournal,
) -> None:
    done = arrived(books, sent(books, 1, AT), 995, "0xd1")
    going = sent(books, 2, AT, pair="Q")
    sent(books, 3, AT, wallet="0x" + "99" * 20)
    assert books.read_wallet_transfers(WALLET.upper().replace("X", "x")) == (done, going)
