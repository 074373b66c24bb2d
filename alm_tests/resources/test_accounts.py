"""Accounts from recorded history and a journal: names, prices and moments of what the ledger has."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from alm_core.model.books import LedgerEntry
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.errors import InvalidInput
from alm_core.model.lots import EventKind
from alm_core.model.transactions import ExecutionReport, ReconcileReport
from alm_resources.accounts import Left, PairAccounts
from alm_resources.history import HistoryStore
from alm_resources.journal import SqlJournal
from alm_resources.registry import load_registry
from alm_tests.core.accounting.ledgers import CHAINS, USDC, Wallet
from alm_tests.core.accounting.test_pnl_running import plan
from alm_tests.core.forces.tapes import END_AT
from alm_tests.core.portfolio.scene import WALLET

BASE, POLYGON = CHAINS
QUARTER = timedelta(minutes=15)


def entry(token: str, delta: int, kind: str, tx_hash: str) -> LedgerEntry:
    return LedgerEntry(
        chain_id=BASE, wallet=WALLET, token=token, delta=delta, kind=kind, tx_hash=tx_hash, log_index=0, intent_key=None
    )


def hold(at: datetime) -> AllocationPlan:
    return replace(plan(0, DecisionKind.HOLD, 0.0, 0.0, None), epoch_at=at, price=2_000.0)


@pytest.fixture
def accounts(tmp_path: Path) -> PairAccounts:
    """Two epochs a quarter hour apart; a deposit of 500 between them, found by the second."""
    history, wallet = HistoryStore(tmp_path / "history"), Wallet()
    journal = SqlJournal(f"sqlite:///{tmp_path / 'journal.db'}")
    quote = wallet.chains[BASE].scene.pools[0].quote.address.lower()
    for number in range(2):
        if number:
            wallet.deposit(BASE, 0, 500 * USDC)
        snapshot = wallet.mark().snapshot
        history.write_epoch("pool_snapshots", snapshot)
        history.write_epoch("allocations", hold(snapshot.epoch_at))
        adopted = ("opening balance 10000000000 of " + quote, f"deposit of 500000000 {quote} in 0xdd")[number]
        found = ReconcileReport(chain_id=BASE, block_number=1, green=True, differences=(), adopted=(adopted,))
        report = ExecutionReport(
            pair="WETH-USDC",
            epoch_at=snapshot.epoch_at,
            plan_hash="",
            transactions=(),
            reconciliations=(found,),
            halted=None,
        )
        history.write_epoch("executed_transactions", report)
    rows = [
        entry(quote, 10_000 * USDC, "opening", "opening:0x1"),
        entry(quote, 500 * USDC, "deposit", "0xdd"),
        entry("0x" + "99" * 20, 7, "rewards", "0xee"),
        entry("native", -3, "adjustment", "adjustment:0x2"),
    ]
    journal.add_ledger_entries(rows)
    return PairAccounts("WETH-USDC", history, journal, load_registry(None))


def test_what_reconciliation_found_is_dated_by_the_epoch_that_found_it(accounts: PairAccounts) -> None:
    opening, deposit, reward, adjusted = accounts.events()
    assert (opening.kind, opening.at) == (EventKind.OPENING, END_AT)
    assert (deposit.kind, deposit.at) == (EventKind.DEPOSIT, END_AT + QUARTER)
    assert reward.at == adjusted.at == END_AT + QUARTER, "what nothing dates was booked after the deposit"


def test_tokens_have_the_names_of_the_pair_coins_those_of_the_registry_and_strangers_their_address(
    accounts: PairAccounts,
) -> None:
    opening, _, reward, adjusted = accounts.events()
    assert opening.received is not None
    assert (opening.received.token.asset, opening.received.token.decimals, opening.received.usd) == (
        "USDC",
        6,
        10_000.0,
    )
    assert adjusted.sent is not None
    assert (adjusted.sent.token.asset, adjusted.sent.token.address) == ("ETH", None)
    assert reward.received is not None
    assert (reward.received.token.decimals, reward.received.usd) == (None, None)
    assert reward.received.token.symbol == "0x" + "99" * 20


def test_a_price_that_is_too_old_is_unknown(accounts: PairAccounts) -> None:
    quote = accounts.events()[0].received.token.address.lower()
    assert accounts._price_usd(END_AT + QUARTER, BASE, quote) == 1.0
    assert accounts._price_usd(END_AT + timedelta(hours=1), BASE, quote) is None
    assert accounts._price_usd(END_AT - QUARTER, BASE, quote) is None
    assert accounts._price_usd(None, BASE, quote) is None


def test_a_deposit_is_the_flow_of_the_interval_in_which_the_chain_had_it(accounts: PairAccounts) -> None:
    (only,) = accounts.intervals(END_AT, END_AT + QUARTER)
    assert only.pnl.parts.flow_usd == 500.0
    assert accounts.do_nothing_usd(only) == pytest.approx(only.pnl.nav_end_usd)
    assert accounts.acted(END_AT, END_AT + timedelta(days=1)) == ()


def test_an_epoch_whose_holdings_are_unknown_is_named_and_bridged_over(accounts: PairAccounts) -> None:
    snapshot = next(iter(accounts.marked(END_AT, END_AT))).snapshot
    blind = replace(snapshot, epoch_at=END_AT + timedelta(minutes=5), holdings=())
    accounts._history.write_epoch("pool_snapshots", blind)
    accounts._history.write_epoch("allocations", hold(blind.epoch_at))
    left = Left()
    (only,) = accounts.intervals(END_AT, END_AT + QUARTER, left)
    assert (only.pnl.from_at, only.pnl.to_at) == (END_AT, END_AT + QUARTER)
    assert len(left.epochs) == 1


def test_without_a_snapshot_nobody_knows_whose_wallet_it_is(tmp_path: Path) -> None:
    empty = PairAccounts(
        "WETH-USDC", HistoryStore(tmp_path), SqlJournal(f"sqlite:///{tmp_path / 'j.db'}"), load_registry(None)
    )
    with pytest.raises(InvalidInput, match="no recorded snapshot"):
        empty.events()
