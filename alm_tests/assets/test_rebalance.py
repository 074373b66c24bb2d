"""The job of one epoch: what it stores, what replaying it gives, and what stops it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest

from alm_assets.epochs import EPOCH_TAG, epoch_tag
from alm_assets.runner import EpochRun, run_epoch
from alm_core.model.config import LimitsConfig
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.epochs import Epoch
from alm_core.model.errors import BadAnswer, SourceUnavailable
from alm_core.model.market import MarketSnapshot, SourceProblem
from alm_core.model.reports import EpochReport
from alm_core.model.transactions import ExecutionReport
from alm_tests.assets.world import EPOCH, EPOCH_AT, PAIR, QUARTER, MemoryWorld, content

KEY = "2025-11-20|WETH-USDC"


def run(world: MemoryWorld, instance: dg.DagsterInstance, epoch: Epoch = EPOCH) -> EpochRun:
    return run_epoch(instance, epoch.pair, epoch.epoch_at, job=world.job(), history=world.history, alerts=world.alerts)


def stored(world: MemoryWorld, asset: str, kind: type[Any], epoch: Epoch = EPOCH) -> Any:
    return world.history.read_epoch(asset, kind, epoch.pair, epoch.epoch_at)


def steps_of(instance: dg.DagsterInstance, run_id: str, kind: dg.DagsterEventType) -> set[str]:
    records = instance.get_records_for_run(run_id, of_type=kind).records
    return {str(record.event_log_entry.step_key) for record in records}


def test_an_epoch_stores_every_asset_and_reports(world: MemoryWorld, instance: dg.DagsterInstance) -> None:
    done = run(world, instance)
    assert done.error is None
    assert done.success
    assert done.report.price == pytest.approx(2_000, rel=0.01)
    assert done.report.reconciled
    folders = {path.name for path in (world.history.root).iterdir()}
    assert folders == {
        "candles",
        "pool_snapshots",
        "force_signals",
        "optimized_ranges",
        "allocations",
        "shadow_decisions",
        "executed_transactions",
        "epoch_report",
        "epoch_inputs",
    }
    for asset in folders - {"epoch_inputs"}:
        event = instance.get_latest_materialization_event(dg.AssetKey(asset))
        assert event is not None
        assert event.asset_materialization is not None
        assert event.asset_materialization.partition == KEY


def test_the_second_epoch_places_capital_and_the_first_had_no_yields(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    first = run(world, instance)
    second = run(world, instance, Epoch(pair=PAIR, epoch_at=EPOCH_AT + QUARTER))
    assert first.report.decision is DecisionKind.HOLD
    assert second.report.decision is DecisionKind.PRA
    assert second.report.transactions_ok == 2
    assert second.report.gas_usd == pytest.approx(2 * 3e12 / 1e18 * 2_000)


def test_replaying_an_epoch_reads_nothing_anew_and_gives_the_same_bytes(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    epochs = [Epoch(pair=PAIR, epoch_at=EPOCH_AT + number * QUARTER) for number in range(3)]
    for epoch in epochs:
        assert run(world, instance, epoch).success
    before = content(world.history.root)
    asked = len(world.feed.asked), len(world.snapshots.asked)
    world.snapshots.scene = replace(world.snapshots.scene, idle_base=99.0)
    for epoch in (epochs[1], epochs[0], epochs[2]):
        assert run(world, instance, epoch).success
    assert content(world.history.root) == before
    assert (len(world.feed.asked), len(world.snapshots.asked)) == asked
    assert world.executor.calls == 6
    assert len(world.executor.done) == 3


def test_a_recomputed_plan_is_the_same_when_its_stored_copy_is_lost(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    for number in range(2):
        run(world, instance, Epoch(pair=PAIR, epoch_at=EPOCH_AT + number * QUARTER))
    before = content(world.history.root)
    later = Epoch(pair=PAIR, epoch_at=EPOCH_AT + QUARTER)
    plan = stored(world, "allocations", AllocationPlan, later)
    for name in ("allocations", "force_signals", "optimized_ranges"):
        for path in (world.history.root / name).rglob("*.parquet"):
            path.unlink()
    for number in range(2):
        run(world, instance, Epoch(pair=PAIR, epoch_at=EPOCH_AT + number * QUARTER))
    assert stored(world, "allocations", AllocationPlan, later) == plan
    assert content(world.history.root) == before


def test_a_run_without_tag_replays_the_last_stored_epoch_of_a_past_day(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    for number in range(2):
        run(world, instance, Epoch(pair=PAIR, epoch_at=EPOCH_AT + number * QUARTER))
    asked = len(world.snapshots.asked)
    result = world.materialize(instance, EPOCH)
    assert result.success
    report = result.output_for_node("epoch_report")
    assert report.epoch_at == EPOCH_AT + QUARTER
    assert len(world.snapshots.asked) == asked


def test_a_past_day_without_anything_stored_cannot_be_replayed(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    result = world.materialize(instance, EPOCH)
    assert not result.success
    assert "nothing to replay" in str(result.failure_data_for_node("pool_snapshots"))
    assert world.snapshots.asked == []


@pytest.mark.parametrize("tag", ["2025-11-20T10:31:00+00:00", "yesterday", "2025-11-21T10:30:00+00:00"])
def test_a_tag_that_is_no_epoch_of_the_partition_fails_the_run(
    world: MemoryWorld, instance: dg.DagsterInstance, tag: str
) -> None:
    result = world.materialize(instance, EPOCH, tags={EPOCH_TAG: tag})
    assert not result.success
    assert EPOCH_TAG in str(result.failure_data_for_node("pool_snapshots"))


def test_a_gap_that_filling_leaves_blocks_everything_after_candles(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    world.feed.skip = (EPOCH_AT - timedelta(hours=3), EPOCH_AT - timedelta(hours=1))
    done = run(world, instance)
    assert not done.success
    assert done.report.decision is DecisionKind.HOLD
    assert "minutes_complete" in done.report.reason
    assert "force_signals" not in steps_of(instance, done.run_id, dg.DagsterEventType.STEP_START)
    assert world.executor.calls == 0
    world.feed.skip = None
    assert run(world, instance, Epoch(pair=PAIR, epoch_at=EPOCH_AT + QUARTER)).success


def test_a_long_gap_far_back_is_filled_instead_of_stopping_the_pair(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    world.feed.skip = (EPOCH_AT - timedelta(hours=20), EPOCH_AT - timedelta(hours=15))
    assert run(world, instance).success
    day = world.history.read_candles(PAIR, EPOCH_AT - timedelta(hours=20), EPOCH_AT - timedelta(hours=15))
    assert day.filled.all()
    assert len(day) == 300


def test_two_blocks_of_one_chain_block_everything_after_snapshots(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    def torn(snapshot: MarketSnapshot) -> MarketSnapshot:
        block = replace(snapshot.pools[1].block, number=snapshot.pools[1].block.number + 1)
        return replace(snapshot, pools=(snapshot.pools[0], replace(snapshot.pools[1], block=block)))

    world.snapshots.change = torn
    done = run(world, instance)
    assert not done.success
    assert "one_block_per_chain" in done.report.reason
    assert "allocations" not in steps_of(instance, done.run_id, dg.DagsterEventType.STEP_START)
    assert world.executor.calls == 0


def test_a_plan_beyond_the_limits_is_never_executed(world: MemoryWorld, instance: dg.DagsterInstance) -> None:
    run(world, instance)
    world.settings = replace(world.settings, limits=LimitsConfig(max_epoch_turnover_frac=0.01))
    done = run(world, instance, Epoch(pair=PAIR, epoch_at=EPOCH_AT + QUARTER))
    assert not done.success
    assert "plan_within_limits" in done.report.reason
    assert world.executor.calls == 1
    assert "executed_transactions" not in steps_of(instance, done.run_id, dg.DagsterEventType.STEP_START)


@pytest.mark.parametrize("error", [BadAnswer("binance", "price NaN at 10:29"), BadAnswer("geckoterminal", "no JSON")])
def test_a_wrong_answer_fails_at_once_holds_and_alerts(
    world: MemoryWorld, instance: dg.DagsterInstance, error: BadAnswer
) -> None:
    world.feed.error = error
    done = run(world, instance)
    assert len(world.feed.asked) == 1
    assert not done.success
    assert done.report.decision is DecisionKind.HOLD
    assert str(error) in done.report.reason
    assert stored(world, "epoch_report", EpochReport) == done.report
    assert world.executor.calls == 0
    assert [key for _, _, key in world.alerts.sent] == [f"failed:{EPOCH.epoch_id}"]
    assert str(error) in world.alerts.sent[0][1]
    event = instance.get_latest_materialization_event(dg.AssetKey("epoch_report"))
    assert event is not None


def test_an_unavailable_source_is_tried_three_times(
    world: MemoryWorld, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("dagster._core.execution.plan.active.time.sleep", waits.append)
    clock = iter(range(0, 10**6, 30))
    monkeypatch.setattr("dagster._core.execution.plan.active.time.time", lambda: float(next(clock)))
    world.snapshots.error = SourceUnavailable("rpc:8453", "no endpoint answers")
    done = run(world, instance)
    assert len(world.snapshots.asked) == 3
    assert "rpc:8453: no endpoint answers" in done.report.reason


def test_a_source_problem_in_the_snapshot_holds_and_names_it(world: MemoryWorld, instance: dg.DagsterInstance) -> None:
    run(world, instance)
    problem = SourceProblem(source="geckoterminal", detail="429 too many requests")
    world.snapshots.change = lambda snapshot: replace(snapshot, problems=(problem,))
    done = run(world, instance, Epoch(pair=PAIR, epoch_at=EPOCH_AT + QUARTER))
    assert done.success
    assert done.report.decision is DecisionKind.HOLD
    assert "geckoterminal: 429 too many requests" in done.report.reason
    assert done.report.problems == ("geckoterminal: 429 too many requests",)


def test_executing_is_never_retried(world: MemoryWorld, instance: dg.DagsterInstance) -> None:
    world.executor.error = SourceUnavailable("rpc:8453", "connection reset")
    done = run(world, instance)
    assert not done.success
    assert world.executor.calls == 1
    world.executor.error = None
    again = run(world, instance)
    assert again.success
    assert stored(world, "executed_transactions", ExecutionReport) is not None


def test_a_run_again_after_a_failure_replaces_the_hold_by_what_happened(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    world.executor.error = SourceUnavailable("rpc:8453", "connection reset")
    assert run(world, instance).report.price is None
    world.executor.error = None
    assert run(world, instance).report.price is not None


def test_a_failed_replay_does_not_rewrite_what_happened(world: MemoryWorld, instance: dg.DagsterInstance) -> None:
    happened = run(world, instance).report
    world.executor.error = SourceUnavailable("rpc:8453", "connection reset")
    again = run(world, instance)
    assert not again.success
    assert again.report == happened
    assert stored(world, "epoch_report", EpochReport) == happened
    assert len(world.alerts.sent) == 1


def test_the_run_links_to_its_code_location(world: MemoryWorld, instance: dg.DagsterInstance) -> None:
    done = run(world, instance)
    recorded = instance.get_run_by_id(done.run_id)
    assert recorded is not None
    assert recorded.status is dg.DagsterRunStatus.SUCCESS
    assert recorded.job_name == "rebalance"
    assert recorded.tags[EPOCH_TAG] == epoch_tag(EPOCH)
    assert recorded.tags["dagster/partition"] == KEY
    assert recorded.tags["dagster/partition/pair"] == PAIR
    assert recorded.tags["dagster/partition/day"] == "2025-11-20"
    origin = recorded.remote_job_origin
    assert origin is not None
    assert origin.location_name == "alm_live"
    assert instance.get_job_snapshot(str(recorded.job_snapshot_id)).name == "rebalance"
