"""Fees and gas of the epoch's report, in analytic cases."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alm_core.accounting.epoch_reports import collected_usd, failed_epoch_report, gas_usd, uncollected_usd
from alm_core.model.decisions import DecisionKind
from alm_core.model.market import MarketSnapshot
from alm_core.model.reports import EpochReport
from alm_core.model.transactions import Action, ExecutedTransaction, IntentState
from alm_tests.core.portfolio.scene import EPOCH, Scene

HELD = ((7, 0, 1_900.0, 2_100.0, 10_000.0), (8, 1, 1_900.0, 2_100.0, 5_000.0))


def with_fees(snapshot: MarketSnapshot, *fees: tuple[int, float, float]) -> MarketSnapshot:
    """Positions named by token id with their fees in base and quote; positions not named are gone."""
    holdings = snapshot.holdings[0]
    found = {position.token_id: position for position in holdings.positions}
    kept = []
    for token_id, base, quote in fees:
        pool = snapshot.pool_state(found[token_id].pool_id).pool
        raw = int(base * 10**18), int(quote * 10**6)
        fees0, fees1 = raw if pool.base_is_token0 else raw[::-1]
        kept.append(replace(found[token_id], fees0=fees0, fees1=fees1))
    return replace(snapshot, holdings=(replace(holdings, positions=tuple(kept)),))


def report(collected: float | None) -> EpochReport:
    return replace(failed_epoch_report(EPOCH, "x"), fees_collected_usd=collected)


@pytest.mark.parametrize("base_is_token0", [True, False])
def test_uncollected_fees_are_valued_in_both_token_orders(base_is_token0: bool) -> None:
    seen = Scene(positions=HELD, base_is_token0=base_is_token0).snapshot()
    assert uncollected_usd(with_fees(seen, (7, 0.01, 5.0), (8, 0.0, 2.5)), 2_000.0) == pytest.approx(27.5)


def test_the_usd_price_of_the_quote_token_counts_and_its_absence_is_not_zero() -> None:
    seen = with_fees(Scene(positions=HELD).snapshot(), (7, 0.0, 10.0))
    assert uncollected_usd(replace(seen, quote_usd=0.9), 2_000.0) == pytest.approx(9.0)
    assert uncollected_usd(replace(seen, quote_usd=None), 2_000.0) is None


def test_fees_of_a_position_that_is_gone_count_as_collected() -> None:
    seen = Scene(positions=HELD).snapshot()
    before = report(3.0), with_fees(seen, (7, 0.01, 5.0), (8, 0.0, 2.5))
    now = with_fees(seen, (8, 0.0, 4.0))
    assert collected_usd(now, 2_000.0, before) == pytest.approx(3.0 + 25.0)


def test_fees_that_shrank_were_collected_and_fees_that_grew_were_not() -> None:
    seen = Scene(positions=HELD).snapshot()
    before = report(0.0), with_fees(seen, (7, 0.01, 5.0), (8, 0.0, 2.5))
    assert collected_usd(with_fees(seen, (7, 0.0, 6.0), (8, 0.0, 2.5)), 2_000.0, before) == pytest.approx(20.0)


def test_a_chain_that_was_not_read_collected_nothing() -> None:
    seen = Scene(positions=HELD).snapshot()
    before = report(3.0), with_fees(seen, (7, 0.01, 5.0))
    assert collected_usd(replace(seen, holdings=()), 2_000.0, before) == 3.0


def test_what_is_unknown_stays_unknown() -> None:
    seen = Scene(positions=HELD).snapshot()
    assert collected_usd(seen, 2_000.0, (report(None), seen)) is None
    assert collected_usd(seen, 2_000.0, None) == 0.0


def test_gas_is_paid_at_the_native_price_of_its_chain() -> None:
    sent = ExecutedTransaction(
        intent_key="k",
        chain_id=8453,
        action=Action.OPEN,
        summary="",
        state=IntentState.FINAL_OK,
        tx_hash=None,
        gas_used=1,
        gas_cost_wei=10**15,
        detail="",
    )
    snapshot = Scene().snapshot()
    assert gas_usd((sent, sent), snapshot) == pytest.approx(4.0)
    assert gas_usd((sent,), replace(snapshot, chains=())) is None, "a native price that nobody knows is not zero"
    assert gas_usd((), replace(snapshot, chains=())) == 0


def test_a_failed_epoch_is_a_hold_that_names_the_failure_and_knows_nothing() -> None:
    failed = failed_epoch_report(EPOCH, "rpc:1: down")
    assert failed.decision is DecisionKind.HOLD
    assert "rpc:1: down" in failed.reason
    assert failed.fees_usd is None
    assert failed.nav_usd is None
    assert failed.epoch_at - EPOCH.epoch_at == timedelta(0)
