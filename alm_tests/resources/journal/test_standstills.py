"""Standstills: set at once, only ever made stricter, lifted one by one; marks and transfers beside them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alm_core.model.books import ANY_CHAIN, ANY_WALLET, Mark
from alm_core.model.errors import IllegalStep, NotReconciled
from alm_core.model.transactions import Action
from alm_core.model.transfers import BridgeTransfer, TransferState
from alm_resources.journal import SqlJournal
from alm_tests.core.execution.fakes import TOKEN, WALLET, transfer_intent
from alm_tests.resources.journal.scene import CHAIN, entry

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def transfer(key: str) -> BridgeTransfer:
    return BridgeTransfer(
        intent_key=key,
        pair="P",
        wallet=WALLET,
        from_chain=CHAIN,
        to_chain=1,
        asset="quote",
        sell_token=TOKEN,
        buy_token=TOKEN,
        sent_amount=2**200,
        expected_amount=2**199,
        min_amount=2**198,
        tool="across",
        started_at=NOON,
    )


def test_a_halt_stands_until_it_is_lifted(journal: SqlJournal) -> None:
    journal.halt(CHAIN, WALLET, "looked odd")
    held = journal.read_halt(CHAIN, WALLET.upper().replace("X", "x"))
    assert held is not None
    assert (held.mode, held.reason, held.set_by) == ("halt", "looked odd", "operator")
    assert abs(datetime.now(UTC) - held.set_at) < timedelta(minutes=1)
    assert journal.read_halt(1, WALLET) is None
    journal.lift_halt(CHAIN, WALLET)
    assert journal.read_halt(CHAIN, WALLET) is None


def test_a_standstill_is_made_stricter_and_never_looser(journal: SqlJournal) -> None:
    journal.halt(CHAIN, WALLET, "loss", mode="withdraw_only", set_by="loss_breaker")
    journal.halt(CHAIN, WALLET, "again", mode="withdraw_only", set_by="depeg")
    first = journal.read_halt(CHAIN, WALLET)
    assert first is not None
    assert (first.reason, first.set_by) == ("loss", "loss_breaker")
    journal.halt(CHAIN, WALLET, "worse")
    journal.halt(CHAIN, WALLET, "better?", mode="withdraw_only")
    held = journal.read_halt(CHAIN, WALLET)
    assert held is not None
    assert (held.mode, held.reason) == ("halt", "worse")


@pytest.mark.parametrize(("chain_id", "wallet"), [(ANY_CHAIN, WALLET), (CHAIN, ANY_WALLET), (ANY_CHAIN, ANY_WALLET)])
def test_the_strictest_of_all_that_hold_counts(journal: SqlJournal, chain_id: int, wallet: str) -> None:
    journal.halt(CHAIN, WALLET, "own", mode="withdraw_only")
    journal.halt(chain_id, wallet, "all")
    held = journal.read_halt(CHAIN, WALLET)
    assert held is not None
    assert held.reason == "all"
    assert {(one[0], one[1], one[2].reason) for one in journal.read_halts()} == {
        (CHAIN, WALLET, "own"),
        (chain_id, wallet, "all"),
    }
    journal.lift_halt(chain_id, wallet)
    held = journal.read_halt(CHAIN, WALLET)
    assert held is not None
    assert held.reason == "own"


def test_a_mark_of_an_epoch_is_stored_once_and_read_in_order(journal: SqlJournal) -> None:
    mark = Mark(
        pair="P",
        wallet=WALLET,
        epoch_at=NOON,
        nav_usd=10.5,
        base_usd=2.0,
        quote_usd=1.0,
        base_amount=3.0,
        quote_amount=4.0,
        base_flow=0.0,
        quote_flow=-1.0,
    )
    later = replace(mark, epoch_at=NOON + timedelta(minutes=15), nav_usd=11.0)
    journal.add_mark(later)
    journal.add_mark(mark)
    journal.add_mark(replace(mark, nav_usd=99.0))
    assert journal.read_marks("P", WALLET, NOON) == (mark, later)
    assert journal.read_marks("P", WALLET, NOON + timedelta(seconds=1)) == (later,)
    assert journal.read_marks("Q", WALLET, NOON) == ()


def test_a_transfer_is_stored_with_the_intent_that_sends_it_and_ends_once(journal: SqlJournal) -> None:
    planned = transfer_intent(0)
    intent = replace(planned, tx=replace(planned.tx, action=Action.BRIDGE))
    sent = transfer(intent.key)
    assert journal.add_transfer(intent, sent) == intent
    assert journal.add_transfer(intent, replace(sent, tool="other")) == intent
    assert journal.read_transfers("P", WALLET) == (sent,)
    waiting = replace(sent, state=TransferState.MANUAL, detail="nothing known for a day")
    journal.store_transfer(waiting)
    arrived = replace(waiting, state=TransferState.ARRIVED, received_amount=2**199, received_token=TOKEN)
    come = replace(entry(2**199, "0xcc"), chain_id=1, kind="bridge")
    assert journal.store_transfer(arrived, [come]) == arrived
    assert journal.read_transfers("P", WALLET) == ()
    assert journal.read_transfers("P", WALLET, open_only=False) == (arrived,)
    assert journal.read_ledger_sums(1, WALLET) == {TOKEN: 2**199}
    with pytest.raises(IllegalStep, match="finished or unknown"):
        journal.store_transfer(arrived, [replace(come, tx_hash="0xdd")])
    assert journal.read_ledger_sums(1, WALLET) == {TOKEN: 2**199}


@pytest.mark.parametrize("chain_id", [CHAIN, 1])
def test_a_transfer_is_moved_on_only_by_who_leads_both_wallets(journal: SqlJournal, chain_id: int) -> None:
    intent = transfer_intent(0)
    journal.add_transfer(intent, transfer(intent.key))
    with journal.reading() as connection:
        other = SqlJournal(connection.engine.url.render_as_string(hide_password=False))
    journal.take_lead(chain_id, WALLET)
    journal.store_transfer(replace(transfer(intent.key), state=TransferState.IN_TRANSIT))
    other.take_lead(chain_id, WALLET)
    with pytest.raises(NotReconciled, match="another executor"):
        journal.store_transfer(replace(transfer(intent.key), state=TransferState.ARRIVED))
    other.store_transfer(replace(transfer(intent.key), state=TransferState.ARRIVED))
    other.close()


def test_a_control_lifts_only_what_it_set_itself(journal: SqlJournal) -> None:
    journal.halt(1, "0xaa", "by hand", set_by="operator")
    journal.lift_halt(1, "0xaa", set_by="gas_reserve")
    held = journal.read_halt(1, "0xaa")
    assert held is not None
    assert held.set_by == "operator"
    journal.lift_halt(1, "0xaa", set_by="operator")
    assert journal.read_halt(1, "0xaa") is None
