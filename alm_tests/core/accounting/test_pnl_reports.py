"""Accounts in the report of an epoch: they go on from the last known ones, and agree with its other figures."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.accounting.epoch_reports import collected_usd, failed_epoch_report, gas_usd, uncollected_usd
from alm_core.accounting.pnl import Marked
from alm_core.accounting.pnl_reports import accounted
from alm_core.model.market import MarketSnapshot, SourceProblem
from alm_core.model.reports import EpochReport
from alm_core.model.transactions import Action, ExecutedTransaction, IntentState
from alm_core.portfolio.valuation import nav_usd
from alm_resources.history.payload import payload_of, value_from_payload
from alm_tests.core.accounting.ledgers import CHAINS, USDC, WETH, Wallet
from alm_tests.core.accounting.test_pnl import prices, steps, take
from alm_tests.core.portfolio.scene import EPOCH

BASE, POLYGON = CHAINS
Before = tuple[EpochReport, MarketSnapshot] | None


def report(marked: Marked, before: Before = None) -> EpochReport:
    """The report of an epoch without its accounts, as :mod:`alm_core.accounting.epoch_reports` makes it."""
    snapshot, price = marked.snapshot, marked.price
    bare = failed_epoch_report(replace(EPOCH, epoch_at=snapshot.epoch_at), "x")
    return replace(
        bare,
        price=price,
        nav_usd=nav_usd(snapshot, price, tuple(state.pool for state in snapshot.pools)),
        fees_uncollected_usd=uncollected_usd(snapshot, price),
        fees_collected_usd=collected_usd(snapshot, price, before),
    )


@settings(max_examples=60, deadline=None)
@given(rounds=st.lists(st.tuples(st.lists(steps, max_size=6), prices), min_size=1, max_size=4))
def test_accounts_agree_with_nav_fees_and_each_other_in_every_report(
    rounds: list[tuple[list[tuple[object, ...]], tuple[float, float, float]]],
) -> None:
    wallet = Wallet()
    first = wallet.mark()
    before = (accounted(report(first), first.snapshot, None, ()), first.snapshot)
    assert before[0].parts is None
    for taken, at in rounds:
        wallet.begin_epoch()
        for step in taken:
            take(wallet, step)
        now = wallet.mark(*at)
        told = accounted(report(now, before), now.snapshot, before, wallet.movements)
        was = before[0]
        assert told.accounts is not None
        assert told.parts is not None
        native = sum(held.native_wei for held in now.snapshot.holdings) / 1e18 * wallet.native_usd
        assert told.accounts.nav_usd - native == pytest.approx(told.nav_usd, rel=1e-9)
        assert told.parts.change_usd == pytest.approx(
            told.accounts.nav_usd - was.accounts.nav_usd, abs=1e-9 * told.accounts.nav_usd
        )
        # Fees so far grow by the fees of the epoch, and by what the prices did to those that lay there before.
        then = uncollected_usd(replace(before[1], quote_usd=wallet.quote_usd), wallet.price)
        grown = told.parts.fees_usd + then - was.fees_uncollected_usd
        assert told.fees_usd - was.fees_usd == pytest.approx(grown, abs=1e-9 * told.accounts.nav_usd)
        assert told.twr_frac == told.accounts.growth - 1.0
        before = (told, now.snapshot)


def test_gas_of_the_epoch_before_is_the_gas_of_its_parts() -> None:
    wallet = Wallet()
    first = wallet.mark()
    wallet.pay_gas(BASE, 3 * 10**15)
    now = wallet.mark(native_usd=9.0)
    begun = accounted(report(first), first.snapshot, None, ())
    told = accounted(report(now), now.snapshot, (begun, first.snapshot), wallet.movements)
    paid = ExecutedTransaction(
        intent_key="k",
        chain_id=BASE,
        action=Action.APPROVE,
        summary="",
        state=IntentState.FINAL_OK,
        tx_hash=None,
        gas_used=1,
        gas_cost_wei=3 * 10**15,
        detail="",
    )
    assert told.parts is not None
    assert told.parts.gas_usd == pytest.approx(gas_usd((paid,), first.snapshot))


def test_an_epoch_whose_holdings_are_unknown_is_passed_over_and_the_next_covers_it() -> None:
    wallet = Wallet()
    first = wallet.mark()
    begun = accounted(report(first), first.snapshot, None, ())
    wallet.pay_gas(BASE, 10**16)
    blind = replace(wallet.mark().snapshot, problems=(SourceProblem(source="rpc:137", detail="down"),))
    unknown = accounted(report(Marked(snapshot=blind, price=2_000.0)), blind, (begun, first.snapshot), wallet.movements)
    assert (unknown.parts, unknown.accounts, unknown.hodl_usd) == (None, None, None)
    wallet.deposit(BASE, 0, 100 * USDC)
    now = wallet.mark()
    told = accounted(report(now), now.snapshot, (begun, first.snapshot), wallet.movements)
    assert told.parts is not None
    assert (told.parts.gas_usd, told.parts.flow_usd) == (pytest.approx(20.0), pytest.approx(100.0))
    assert told.accounts is not None
    assert told.accounts.as_of_at - told.accounts.began_at == timedelta(minutes=30)


def test_without_a_price_or_holdings_there_are_no_accounts() -> None:
    wallet = Wallet()
    first = wallet.mark()
    priceless = replace(report(first), price=None)
    assert accounted(priceless, first.snapshot, None, ()) is priceless
    nobody = replace(first.snapshot, holdings=())
    assert accounted(report(first), nobody, None, ()).accounts is None


def test_reports_that_were_stored_before_there_were_accounts_still_load_and_new_ones_come_back_as_they_were() -> None:
    wallet = Wallet()
    first = wallet.mark()
    wallet.deposit(POLYGON, WETH, USDC, 10**15)
    now = wallet.mark(price=2_100.0)
    begun = accounted(report(first), first.snapshot, None, ())
    told = accounted(report(now), now.snapshot, (begun, first.snapshot), wallet.movements)
    assert value_from_payload(EpochReport, payload_of(told), "here") == told
    import json

    new = ("parts", "accounts", "hodl_usd", "do_nothing_usd", "twr_frac", "mwr_frac", "drawdown_frac")
    old = {name: value for name, value in json.loads(payload_of(report(first))).items() if name not in new}
    assert value_from_payload(EpochReport, json.dumps(old), "old") == report(first)
