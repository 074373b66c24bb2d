"""Accounts of an epoch from history and ledger, and the table people read."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from alm_assets.plans import report_metadata
from alm_assets.pnl import account_rows, last_accounts, with_accounts
from alm_core.accounting.pnl_reports import accounted
from alm_core.model.accounts import MovementsBetween
from alm_core.model.market import MarketSnapshot
from alm_resources.history import HistoryStore
from alm_tests.core.accounting.ledgers import CHAINS, USDC, Wallet
from alm_tests.core.accounting.test_pnl_reports import report

BASE, POLYGON = CHAINS


class Ledger:
    """An executor that tells what a wallet did."""

    def __init__(self, wallet: Wallet) -> None:
        self._wallet = wallet

    def execute(self, plan: object, snapshot: object) -> object:
        raise NotImplementedError

    def movements_between(self, before: MarketSnapshot, now: MarketSnapshot) -> MovementsBetween:
        return MovementsBetween(
            pair=now.pair, from_at=before.epoch_at, to_at=now.epoch_at, movements=tuple(self._wallet.movements)
        )


class Mute:
    """An executor without a ledger."""

    def execute(self, plan: object, snapshot: object) -> object:
        raise NotImplementedError


def test_accounts_begin_go_on_over_failed_epochs_and_are_told_in_the_table(tmp_path: Path) -> None:
    history, wallet = HistoryStore(tmp_path), Wallet()
    first = wallet.mark()
    begun, read = with_accounts(report(first), first.snapshot, history, Ledger(wallet))
    assert read == ()
    assert ("accounts", "not known") in account_rows(report(first))
    history.write_epoch("pool_snapshots", first.snapshot)
    history.write_epoch("epoch_report", begun)
    failed = replace(report(first), epoch_at=first.snapshot.epoch_at + timedelta(minutes=15))
    wallet.mark()
    history.write_epoch("epoch_report", failed)
    wallet.pay_gas(BASE, 10**16)
    wallet.deposit(POLYGON, 0, 50 * USDC)
    now = wallet.mark()
    assert last_accounts(report(now), history) == (begun, first.snapshot)
    told, read = with_accounts(report(now), now.snapshot, history, Ledger(wallet))
    assert read[:2] == (begun, first.snapshot)
    assert told == accounted(report(now), now.snapshot, (begun, first.snapshot), wallet.movements)
    rows = dict(account_rows(told))
    assert rows["gas USD"] == -20.0
    assert rows["deposits less withdrawals USD"] == 50.0
    assert rows["time-weighted return"].endswith("%")
    table = report_metadata(told)["report"].value
    assert "| had nothing been done, NAV USD |" in table
    assert report_metadata(told)["hodl_usd"] == told.hodl_usd


def test_without_a_ledger_what_moved_is_a_flow_and_without_a_snapshot_accounts_begin_anew(tmp_path: Path) -> None:
    history, wallet = HistoryStore(tmp_path), Wallet()
    first = wallet.mark()
    begun, _ = with_accounts(report(first), first.snapshot, history, Mute())
    history.write_epoch("epoch_report", begun)
    assert last_accounts(replace(report(first), epoch_at=begun.epoch_at + timedelta(minutes=15)), history) is None
    history.write_epoch("pool_snapshots", first.snapshot)
    wallet.deposit(BASE, 0, USDC)
    now = wallet.mark()
    told, read = with_accounts(report(now), now.snapshot, history, Mute())
    assert told.parts.flow_usd == 1.0
    assert read == (begun, first.snapshot)
