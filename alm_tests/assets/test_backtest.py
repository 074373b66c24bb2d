"""The backtest location over what a live epoch recorded: same decisions, nothing sent, nothing overwritten."""

from pathlib import Path

import dagster as dg
import pytest

from alm_assets.definitions_backtest import defs
from alm_assets.epochs import EPOCH_TAG, epoch_tag
from alm_assets.partitions import partition_key, register_pairs
from alm_assets.runner import run_epoch
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.epochs import Epoch
from alm_core.model.errors import SourceUnavailable
from alm_core.model.transactions import ExecutionReport, IntentState
from alm_resources.history import HistoryStore
from alm_resources.history.recorded import RecordedCandleFeed, RecordedSnapshots
from alm_tests.assets.world import EPOCH, EPOCH_AT, PAIR, QUARTER, MemoryWorld, content


def test_a_backtest_decides_from_records_as_live_did(
    world: MemoryWorld, instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.toml").write_text("[strategy]\noptimize = false\n")
    monkeypatch.setenv("ALM_HOME", str(tmp_path))
    monkeypatch.setenv("ALM_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("ALM_MODE", "live")
    epochs = [Epoch(pair=PAIR, epoch_at=EPOCH_AT + number * QUARTER) for number in range(2)]
    for epoch in epochs:
        run_epoch(instance, PAIR, epoch.epoch_at, job=world.job(), history=world.history, alerts=world.alerts)
    before, calls = content(world.history.root), world.executor.calls
    register_pairs(instance, [PAIR])
    job = defs.resolve_job_def("rebalance")
    for epoch in epochs:
        tags = {EPOCH_TAG: epoch_tag(epoch)}
        assert job.execute_in_process(instance=instance, partition_key=partition_key(epoch), tags=tags).success
    simulated = HistoryStore(tmp_path / "backtest-history")
    live_plan = world.history.read_epoch("allocations", AllocationPlan, PAIR, epochs[1].epoch_at)
    plan = simulated.read_epoch("allocations", AllocationPlan, PAIR, epochs[1].epoch_at)
    assert plan == live_plan
    assert plan is not None
    assert plan.decision.kind is DecisionKind.PRA
    report = simulated.read_epoch("executed_transactions", ExecutionReport, PAIR, epochs[1].epoch_at)
    assert report is not None
    assert [one.state for one in report.transactions] == [IntentState.PLANNED] * len(plan.opens)
    assert content(world.history.root) == before
    assert world.executor.calls == calls
    assert not (tmp_path / "journal.db").exists()


def test_what_was_not_recorded_is_an_error_that_names_it(tmp_path: Path) -> None:
    history = HistoryStore(tmp_path)
    with pytest.raises(SourceUnavailable, match="recorded history: no candle of WETH-USDC"):
        RecordedCandleFeed(history).fetch_candles(PAIR, EPOCH_AT, EPOCH_AT + QUARTER)
    with pytest.raises(SourceUnavailable, match="recorded history: no snapshot of WETH-USDC@2025-11-20T10:30:00Z"):
        RecordedSnapshots(history).read_snapshot(EPOCH)
