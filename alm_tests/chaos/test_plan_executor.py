"""Plans on real contracts when something is wrong: what stops, what is said, and that capital is found again."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from alm_core.execution.erc20 import approve_data
from alm_core.model.transactions import Action, ExecutionReport, IntentState
from alm_core.portfolio.limits import check_plan
from alm_localnet import Fault, Localnet
from alm_tests.chaos.scene import LIMITS, Scene

pytestmark = pytest.mark.chain
CHAIN = 8453
VENUE = "0x1231DEB6f5749EF6cE6943a275A1D3E7486F4EaE"


@pytest.fixture
def scene(localnet: Localnet, tmp_path: Path) -> Iterator[Scene]:
    # Some tests move all capital three times within the hour.
    opened = Scene(localnet, tmp_path / "journal.db", limits=replace(LIMITS, max_day_turnover_frac=12.0))
    yield opened
    opened.close()


def next_epoch(scene: Scene, **changes: float) -> ExecutionReport:
    """Advance a quarter hour, plan a full rebalance from what is there, and execute it."""
    scene.localnet.advance_to(scene.localnet.now + timedelta(minutes=15))
    snapshot = scene.snapshot(scene.localnet.now)
    return scene.executor().execute(scene.plan(snapshot, **changes), snapshot)


def held(scene: Scene) -> int:
    return sum(len(holdings.positions) for holdings in scene.snapshot(scene.localnet.now).holdings)


def actions(report: ExecutionReport) -> list[Action]:
    return [tx.action for tx in report.transactions if tx.state is IntentState.FINAL_OK]


def transact_as_wallet(scene: Scene, to: str, data: str) -> None:
    """Use the key behind the product's back."""
    rpc = scene.localnet.rpc(CHAIN)
    rpc.call("anvil_impersonateAccount", scene.wallet)
    rpc.transact(scene.wallet, to, bytes.fromhex(data[2:]))
    rpc.call("anvil_stopImpersonatingAccount", scene.wallet)


def test_a_plan_places_the_capital_and_a_second_run_of_it_sends_nothing(scene: Scene) -> None:
    snapshot = scene.snapshot(scene.localnet.now)
    plan = scene.plan(snapshot)
    first = scene.executor().execute(plan, snapshot)
    nonce = scene.chains[CHAIN].read_nonce(scene.wallet)
    second = scene.executor().execute(plan, snapshot)
    assert first.halted is second.halted is None
    assert second.transactions == first.transactions
    assert scene.chains[CHAIN].read_nonce(scene.wallet) == nonce
    assert held(scene) == len(plan.opens)
    idle = scene.plan(scene.snapshot(scene.localnet.now))
    assert idle.nav_usd > 0.995 * plan.nav_usd
    assert _idle_usd(scene) < 0.02 * plan.nav_usd


def test_a_plan_whose_epoch_is_over_does_not_begin(scene: Scene) -> None:
    snapshot = scene.snapshot(scene.localnet.now)
    plan = scene.plan(snapshot)
    scene.localnet.advance_to(scene.localnet.now + timedelta(minutes=15))
    report = scene.executor().execute(plan, snapshot)
    assert report.transactions == ()
    assert report.halted is not None
    assert "is over" in report.halted


def test_an_epoch_that_was_executed_is_not_executed_by_another_plan(scene: Scene) -> None:
    snapshot = scene.snapshot(scene.localnet.now)
    assert scene.executor().execute(scene.plan(snapshot), snapshot).halted is None
    again = replace(scene.plan(snapshot), code_version="a later one")
    report = scene.executor().execute(again, snapshot)
    assert report.transactions == ()
    assert report.halted is not None
    assert "another plan" in report.halted


def test_hold_reconciles_and_sends_nothing(scene: Scene) -> None:
    snapshot = scene.snapshot(scene.localnet.now)
    report = scene.executor().execute(scene.hold(snapshot), snapshot)
    assert report.transactions == ()
    assert report.halted is None
    assert [result.green for result in report.reconciliations] == [True]


def test_without_swaps_the_chain_stops_by_name_and_the_next_epoch_places_what_was_freed(scene: Scene) -> None:
    next_epoch(scene)
    scene.localnet.faults.set("lifi", Fault(kind="status", status=503, times=1000))
    broken = next_epoch(scene, shift=0.02)
    assert "lifi" in str(broken.halted)
    assert actions(broken) == [Action.CLOSE, Action.CLOSE]
    assert held(scene) == 0
    scene.localnet.faults.clear()
    assert next_epoch(scene).halted is None
    assert held(scene) == 2


@pytest.mark.parametrize("kind", ["wrong_receiver", "wrong_minimum"])
def test_a_tampered_quote_is_never_approved(scene: Scene, kind: str) -> None:
    next_epoch(scene)
    scene.localnet.faults.set("lifi", Fault(kind=kind, times=1000))
    report = next_epoch(scene, shift=0.02)
    assert "lifi" in str(report.halted)
    assert set(actions(report)) == {Action.CLOSE}


def test_a_pool_price_far_from_the_independent_one_stops_everything(scene: Scene) -> None:
    snapshot = scene.snapshot(scene.localnet.now)
    plan = scene.plan(snapshot)
    report = scene.executor().execute(replace(plan, price=plan.price * 1.05), snapshot)
    assert "max_price_deviation_frac" in str(report.halted)
    assert report.transactions == ()


def test_a_price_that_moves_between_plan_and_execution_stops_the_saga(scene: Scene) -> None:
    snapshot = scene.snapshot(scene.localnet.now)
    plan = scene.plan(snapshot)
    # The plan was fine when it was made: only the fresh read at execution can see what happened since.
    assert check_plan(plan, snapshot, LIMITS) == ()
    for pool in scene.pools:
        scene.move_price(pool, plan.price * 0.96)
        assert scene.price_in(pool) == pytest.approx(plan.price * 0.96, rel=1e-6)
    report = scene.executor().execute(plan, snapshot)
    assert "max_price_deviation_frac" in str(report.halted)
    assert set(actions(report)) <= {Action.APPROVE, Action.APPROVE_RESET}
    assert _allowances(scene) == 0


def test_a_halt_by_the_operator_lets_nothing_through_until_it_is_lifted(scene: Scene) -> None:
    scene.journal.halt(CHAIN, scene.wallet, "operator says stop")
    report = next_epoch(scene)
    assert "operator says stop" in str(report.halted)
    assert actions(report) == []
    scene.journal.lift_halt(CHAIN, scene.wallet)
    assert next_epoch(scene).halted is None


def test_a_key_used_elsewhere_stops_the_chain(scene: Scene) -> None:
    assert next_epoch(scene).halted is None
    transact_as_wallet(scene, scene.wallet, "0x")
    report = next_epoch(scene, shift=0.02)
    assert "somebody else uses the key" in str(report.halted)
    assert report.transactions == ()


def test_an_old_allowance_is_found_and_reset_before_anything_else(scene: Scene) -> None:
    token = scene.pools[0].token0.address
    transact_as_wallet(scene, token, approve_data(VENUE, 12345))
    report = next_epoch(scene)
    assert report.halted is None
    (left,) = report.reconciliations[0].allowances
    assert (left.token, left.amount) == (token, 12345)
    assert actions(report)[0] is Action.APPROVE_RESET
    assert _allowances(scene) == 0


def test_no_allowance_outlives_a_plan(scene: Scene) -> None:
    for shift in (0.0, 0.02, -0.02):
        assert next_epoch(scene, shift=shift).halted is None
        assert _allowances(scene) == 0


def _allowances(scene: Scene) -> int:
    snapshot = scene.snapshot(scene.localnet.now)
    report = scene.executor().execute(scene.hold(snapshot), snapshot)
    return sum(left.amount for result in report.reconciliations for left in result.allowances)


def _idle_usd(scene: Scene) -> float:
    snapshot = scene.snapshot(scene.localnet.now)
    bare = replace(snapshot, holdings=tuple(replace(holdings, positions=()) for holdings in snapshot.holdings))
    return scene.hold(bare).nav_usd
