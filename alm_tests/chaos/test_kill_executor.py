"""kill -9 of an executing run at seeded moments, then the next epoch: nothing twice, nothing lost, books exact."""

import json
import random
from datetime import timedelta
from pathlib import Path

import pytest

from alm_core.accounting.ledger import NATIVE
from alm_core.model.decisions import AllocationPlan
from alm_core.model.market import MarketSnapshot
from alm_core.model.transactions import Action, ExecutionReport, IntentState
from alm_localnet import Localnet
from alm_tests.chaos.killing import kill_myself, run_killed
from alm_tests.chaos.scene import Scene
from alm_tests.core.execution.fakes import Crashing, CrashPoint

CHAIN = 8453
ROUNDS = 12
COMPOUND_ROUNDS = 10
COMPOUND_BOUNDARIES = 400
KILLED_AGAIN_WHILE_RECOVERING = 0.3


@pytest.mark.chain
def test_a_killed_run_leaves_no_duplicate_and_loses_nothing(localnet: Localnet, tmp_path: Path) -> None:
    moments = random.Random(20261122)
    journal_file = tmp_path / "journal.db"
    boundaries = _place_capital_and_count_boundaries(localnet, journal_file)
    localnet.advance_to(localnet.now + timedelta(minutes=15))  # two epochs have been used
    nav_before = _nav(localnet, journal_file)
    killed = recovered_same_epoch = 0
    for number in range(ROUNDS):
        localnet.advance_to(localnet.now + timedelta(minutes=15))
        snapshot, plan = _planned(localnet, journal_file, shift=0.01 * (-1) ** number)
        killed += _execute_until_killed(localnet, journal_file, plan, snapshot, moments, boundaries)
        while moments.random() < KILLED_AGAIN_WHILE_RECOVERING:
            killed += _execute_until_killed(localnet, journal_file, plan, snapshot, moments, boundaries)
        if number % 2:
            report = _execute(localnet, journal_file, plan, snapshot)
            if report.halted is None:
                recovered_same_epoch += 1
                _check_positions(localnet, journal_file, plan)
        localnet.advance_to(localnet.now + timedelta(minutes=15))
        snapshot, plan = _planned(localnet, journal_file, shift=0.0)
        report = _execute(localnet, journal_file, plan, snapshot)
        assert report.halted is None, (number, report.halted)
        assert all(result.green for result in report.reconciliations)
        _check_positions(localnet, journal_file, plan)
        _check_books(localnet, journal_file)
    print(f"{killed} kills in {ROUNDS} rounds, {recovered_same_epoch} plans finished by a re-run of their epoch")
    assert killed >= 10
    assert recovered_same_epoch >= ROUNDS // 2 - 1
    # Costs of some 25 full rebalances with a net swap each, and the market's own moves: far from a lost position.
    assert _nav(localnet, journal_file) > 0.9 * nav_before


@pytest.mark.chain
def test_a_killed_compound_plan_collects_and_adds_exactly_once(localnet: Localnet, tmp_path: Path) -> None:
    """Killed at seeded boundaries between collect, swap, approvals and adds, then run again in its own epoch."""
    moments = random.Random(20261123)
    journal_file = tmp_path / "journal.db"
    _place_capital_and_count_boundaries(localnet, journal_file)
    localnet.advance_to(localnet.now + timedelta(minutes=15))
    killed = 0
    for number in range(COMPOUND_ROUNDS):
        localnet.advance_to(localnet.now + timedelta(minutes=15))
        snapshot, plan = _compounded(localnet, journal_file)
        at = moments.randint(1, COMPOUND_BOUNDARIES)
        killed += _killed_at(localnet, journal_file, plan, snapshot, at)
        report = _execute(localnet, journal_file, plan, snapshot)
        assert report.halted is None, (number, at, report.halted)
        done = [tx.action for tx in report.transactions if tx.state is IntentState.FINAL_OK]
        assert (done.count(Action.COLLECT), done.count(Action.ADD)) == (2, 2), (number, at)
        _check_grown(localnet, journal_file, snapshot)
        _check_books(localnet, journal_file)
    print(f"{killed} kills in {COMPOUND_ROUNDS} compound rounds")
    assert killed >= COMPOUND_ROUNDS - 3


def _compounded(localnet: Localnet, journal_file: Path) -> tuple[MarketSnapshot, AllocationPlan]:
    scene = Scene(localnet, journal_file)
    snapshot = scene.snapshot(localnet.now)
    assert snapshot.problems == ()
    scene.close()
    return snapshot, scene.compound(snapshot)


def _killed_at(localnet: Localnet, journal_file: Path, plan: AllocationPlan, snapshot: MarketSnapshot, at: int) -> bool:
    def work() -> None:
        point = CrashPoint(at, crash=kill_myself)
        Scene(localnet, journal_file).executor(lambda port: Crashing(port, point)).execute(plan, snapshot)

    return run_killed(work)


def _check_grown(localnet: Localnet, journal_file: Path, snapshot: MarketSnapshot) -> None:
    """The same positions as before, each with more liquidity."""
    scene = Scene(localnet, journal_file)
    (before,), (after,) = snapshot.holdings, scene.snapshot(localnet.now).holdings
    assert [one.token_id for one in after.positions] == [one.token_id for one in before.positions]
    for old, new in zip(before.positions, after.positions, strict=True):
        assert new.liquidity > old.liquidity
    scene.close()


def _place_capital_and_count_boundaries(localnet: Localnet, journal_file: Path) -> int:
    """Two full plans in a child, so that this process opens no connection a child could inherit."""
    counted = journal_file.with_name("boundaries.json")

    def work() -> None:
        for number in range(2):
            scene = Scene(localnet, journal_file)
            snapshot = scene.snapshot(localnet.now + timedelta(minutes=15 * number))
            point = CrashPoint()
            report = scene.executor(lambda port, point=point: Crashing(port, point)).execute(
                scene.plan(snapshot), snapshot
            )
            assert report.halted is None, report.halted
            counted.write_text(json.dumps(point.passed))

    assert not run_killed(work)
    return int(json.loads(counted.read_text()))


def _execute_until_killed(
    localnet: Localnet,
    journal_file: Path,
    plan: AllocationPlan,
    snapshot: MarketSnapshot,
    moments: random.Random,
    boundaries: int,
) -> bool:
    at, after_s = moments.randint(1, boundaries), moments.uniform(0.1, 2.0)
    by_clock = moments.random() < 0.3

    def work() -> None:
        point = CrashPoint(None if by_clock else at, crash=kill_myself)
        Scene(localnet, journal_file).executor(lambda port: Crashing(port, point)).execute(plan, snapshot)

    return run_killed(work, after_s=after_s if by_clock else None)


def _planned(localnet: Localnet, journal_file: Path, *, shift: float) -> tuple[MarketSnapshot, AllocationPlan]:
    scene = Scene(localnet, journal_file)
    snapshot = scene.snapshot(localnet.now)
    assert snapshot.problems == ()
    scene.close()
    return snapshot, scene.plan(snapshot, shift=shift)


def _execute(localnet: Localnet, journal_file: Path, plan: AllocationPlan, snapshot: MarketSnapshot) -> ExecutionReport:
    scene = Scene(localnet, journal_file)
    try:
        return scene.executor().execute(plan, snapshot)
    finally:
        scene.close()


def _check_positions(localnet: Localnet, journal_file: Path, plan: AllocationPlan) -> None:
    scene = Scene(localnet, journal_file)
    held = [position.pool_id for holding in scene.snapshot(localnet.now).holdings for position in holding.positions]
    assert sorted(held) == sorted(target.pool_id for target in plan.opens), "one position per target, no other"
    scene.close()


def _check_books(localnet: Localnet, journal_file: Path) -> None:
    """Ledger equals chain to the wei; positions as journalled; nothing open; every nonce used once."""
    scene = Scene(localnet, journal_file)
    chain, journal = scene.chains[CHAIN], scene.journal
    snapshot = scene.snapshot(localnet.now)
    (holdings,) = snapshot.holdings
    sums = journal.read_ledger_sums(CHAIN, scene.wallet)
    assert sums == {
        NATIVE: holdings.native_wei,
        **{entry.address.lower(): entry.amount for entry in holdings.balances},
    }
    assert {token_id for _, token_id in journal.read_positions(CHAIN, scene.wallet)} == {
        position.token_id for position in holdings.positions
    }
    assert journal.read_open_intents(CHAIN, scene.wallet) == ()
    assert journal.read_next_nonce(CHAIN, scene.wallet) == chain.read_nonce(scene.wallet)
    nonces = [intent.nonce for intent in scene.intents() if intent.nonce is not None]
    assert sorted(nonces) == list(range(chain.read_nonce(scene.wallet)))
    scene.close()


def _nav(localnet: Localnet, journal_file: Path) -> float:
    scene = Scene(localnet, journal_file)
    nav = scene.hold(scene.snapshot(localnet.now)).nav_usd
    scene.close()
    return nav
