"""What an epoch remembers of the day before it, from plans, executions, reports and snapshots that are stored."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from alm_assets.past import recent_epochs
from alm_core.accounting.epoch_reports import failed_epoch_report
from alm_core.accounting.holding_loss import holding_loss_usd
from alm_core.model.decisions import AllocationPlan, Alternative, Decision, DecisionKind
from alm_core.model.epochs import Epoch
from alm_core.model.past import RecentEpoch
from alm_core.model.reports import EpochReport
from alm_core.model.transactions import Action, ExecutedTransaction, ExecutionReport, IntentState
from alm_resources.history import HistoryStore
from alm_tests.assets.world import EPOCH, EPOCH_AT, PAIR, QUARTER
from alm_tests.core.portfolio.scene import Scene


@pytest.fixture
def history(tmp_path: Path) -> HistoryStore:
    return HistoryStore(tmp_path / "history")


def at(epochs_ago: int) -> Epoch:
    return Epoch(pair=PAIR, epoch_at=EPOCH_AT - epochs_ago * QUARTER)


def line(action: DecisionKind, gain_usd: float, note: str) -> Alternative:
    return Alternative(action=action, gain_usd=gain_usd, cost_usd=gain_usd / 10, net_usd=gain_usd * 0.9, note=note)


def table(kind: DecisionKind) -> tuple[Alternative, ...]:
    """What every decision carries: of lines that are not what is done the note says which gate refused them."""
    lines = (
        line(DecisionKind.HOLD, 0.0, "do nothing"),
        line(DecisionKind.RS, 30.0, "shift ranges"),
        line(DecisionKind.PRA, 20.0, "place idle capital"),
        line(DecisionKind.PRA, 50.0, "reallocate"),
    )
    return tuple(one if one.action is kind else replace(one, note=f"{one.note}; refused by worth") for one in lines)


def plan(epochs_ago: int, kind: DecisionKind, *, nav_usd: float | None = 900.0) -> AllocationPlan:
    decision = Decision(kind=kind, reason="", binding="", current_apr=0.0, optimal_apr=0.0, alternatives=table(kind))
    return AllocationPlan(
        pair=PAIR,
        epoch_at=at(epochs_ago).epoch_at,
        policy="default",
        inputs_hash="",
        code_version="1",
        config_version="1",
        price=2_000.0,
        nav_usd=nav_usd,
        targets=(),
        decision=decision,
        closes=(),
        opens=(),
    )


def execution(epochs_ago: int, *states: IntentState) -> ExecutionReport:
    transactions = tuple(
        ExecutedTransaction(
            intent_key=f"{number}",
            chain_id=8453,
            action=Action.OPEN,
            summary="",
            state=state,
            tx_hash=None,
            gas_used=1,
            gas_cost_wei=1,
            detail="",
        )
        for number, state in enumerate(states)
    )
    return ExecutionReport(
        pair=PAIR,
        epoch_at=at(epochs_ago).epoch_at,
        plan_hash="",
        transactions=transactions,
        reconciliations=(),
        halted=None,
    )


def report(epochs_ago: int, kind: DecisionKind = DecisionKind.HOLD) -> EpochReport:
    return EpochReport(
        pair=PAIR,
        epoch_at=at(epochs_ago).epoch_at,
        price=2_000.0,
        forces=None,
        price_range=None,
        decision=kind,
        reason="",
        transactions_ok=0,
        transactions_failed=0,
        transactions_open=0,
        nav_usd=1_000.0,
        fees_uncollected_usd=2.0,
        fees_collected_usd=5.0,
        gas_usd=0.25,
        problems=(),
        reconciled=None,
    )


def test_an_epoch_that_went_through_is_told_by_its_plan_execution_and_report(history: HistoryStore) -> None:
    history.write_epoch("allocations", plan(1, DecisionKind.PRA))
    history.write_epoch("executed_transactions", execution(1, IntentState.FINAL_REVERTED, IntentState.FINAL_OK))
    history.write_epoch("epoch_report", report(1, DecisionKind.PRA))
    assert recent_epochs(EPOCH, history) == (
        RecentEpoch(
            epoch_at=EPOCH_AT - QUARTER,
            kind=DecisionKind.PRA,
            moved=True,
            nav_usd=1_000.0,
            fees_usd=7.0,
            gas_usd=0.25,
            # Both lines that nothing refused: one per chain.
            expected_gain_usd=70.0,
            expected_cost_usd=7.0,
        ),
    )


def test_a_run_that_was_killed_while_acting_counts_as_moved_and_its_gas_as_unknown(history: HistoryStore) -> None:
    history.write_epoch("allocations", plan(2, DecisionKind.RS))
    history.write_epoch("epoch_report", failed_epoch_report(at(2), "its process was killed"))
    history.write_epoch("allocations", plan(1, DecisionKind.HOLD))
    killed, held = recent_epochs(EPOCH, history)
    assert (killed.kind, killed.moved, killed.gas_usd) == (DecisionKind.RS, True, None)
    assert (killed.nav_usd, killed.fees_usd) == (900.0, None)
    assert (killed.expected_gain_usd, killed.expected_cost_usd) == (30.0, 3.0)
    assert (held.kind, held.moved, held.gas_usd, held.expected_gain_usd) == (DecisionKind.HOLD, False, 0.0, 0.0)


def test_an_epoch_that_failed_before_it_planned_is_a_hold_without_figures(history: HistoryStore) -> None:
    history.write_epoch("epoch_report", failed_epoch_report(at(1), "binance: down"))
    (failed,) = recent_epochs(EPOCH, history)
    assert failed == RecentEpoch(
        epoch_at=EPOCH_AT - QUARTER, kind=DecisionKind.HOLD, moved=False, nav_usd=None, fees_usd=None, gas_usd=0.0
    )


def test_what_did_not_succeed_did_not_move(history: HistoryStore) -> None:
    history.write_epoch("allocations", plan(1, DecisionKind.PRA))
    history.write_epoch("executed_transactions", execution(1, IntentState.FINAL_REVERTED))
    assert not recent_epochs(EPOCH, history)[0].moved


def test_only_the_day_before_the_epoch_is_remembered_oldest_first(history: HistoryStore) -> None:
    for epochs_ago in (97, 96, 50, 1, 0):
        history.write_epoch("epoch_report", report(epochs_ago))
    times = [one.epoch_at for one in recent_epochs(EPOCH, history)]
    assert times == [EPOCH_AT - timedelta(days=1), EPOCH_AT - 50 * QUARTER, EPOCH_AT - QUARTER]
    assert recent_epochs(at(300), history) == ()


def test_losses_are_those_between_consecutive_snapshots(history: HistoryStore) -> None:
    held = (7, 0, 1_900.0, 2_100.0, 10_000.0)
    prices = {4: 2_000.0, 3: 2_040.0, 1: 1_990.0}
    seen = {ago: Scene(price=price, positions=(held,)).snapshot(at(ago).epoch_at) for ago, price in prices.items()}
    # One liquidity at all three prices: the scene would size it anew.
    first = seen[4].holdings[0].positions[0]
    for ago, snapshot in seen.items():
        position = replace(snapshot.holdings[0].positions[0], liquidity=first.liquidity)
        holdings = (replace(snapshot.holdings[0], positions=(position,)),)
        seen[ago] = replace(snapshot, holdings=holdings)
        history.write_epoch_once("pool_snapshots", seen[ago])
        history.write_epoch("epoch_report", report(ago))
    found = [one.holding_loss_usd for one in recent_epochs(EPOCH, history)]
    assert found == [None, holding_loss_usd(seen[4], seen[3]), holding_loss_usd(seen[3], seen[1])]
    assert found[1]
