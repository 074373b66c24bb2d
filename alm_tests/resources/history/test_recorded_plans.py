"""Paper mode: what a plan would do is written down move by move, and nothing is signed or sent."""

from alm_core.model.decisions import DecisionKind
from alm_core.model.transactions import Action, IntentState
from alm_resources.history.recorded import RecordingExecutor
from alm_tests.core.execution.v3_fakes import WIDE
from alm_tests.core.execution.v3_world import World, plan_of, target


def test_every_move_of_a_plan_is_recorded_in_the_order_of_execution() -> None:
    snapshot = World().snapshot()
    opens = [target(0.3, WIDE, token_id=4), target(0.2, WIDE)]
    plan = plan_of(snapshot, DecisionKind.PRA, closes=[3], collects=[4], opens=opens)
    report = RecordingExecutor().execute(plan, snapshot)
    assert [tx.action for tx in report.transactions] == [Action.CLOSE, Action.COLLECT, Action.ADD, Action.OPEN]
    assert "position 3" in report.transactions[0].summary
    assert "fees of position 4" in report.transactions[1].summary
    assert "to position 4" in report.transactions[2].summary
    assert {tx.state for tx in report.transactions} == {IntentState.PLANNED}
    assert {tx.tx_hash for tx in report.transactions} == {None}
    assert len({tx.intent_key for tx in report.transactions}) == 4
    assert (report.reconciliations, report.halted) == ((), None)
