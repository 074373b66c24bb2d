"""Sensors and records of what went wrong: failed runs, failed transactions, runs whose process died."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg

from alm_assets.definitions_live import defs
from alm_assets.epochs import EPOCH_TAG, epoch_tag
from alm_assets.failures import REPORTED_TAG, record_failed_epoch, report_failed_run
from alm_assets.liveness import PROCESS_TAG, close_lost_runs, this_process
from alm_assets.partitions import partition_key
from alm_assets.retention import delete_step_events
from alm_assets.runner import run_epoch
from alm_assets.sensors import failed_epochs, failed_transactions, troubled_epochs
from alm_core.model.decisions import DecisionKind
from alm_core.model.epochs import Epoch
from alm_core.model.errors import BadAnswer
from alm_core.model.market import SourceProblem
from alm_core.model.reports import EpochReport
from alm_core.model.transactions import IntentState
from alm_tests.assets.world import EPOCH, EPOCH_AT, PAIR, QUARTER, MemoryWorld


def run(world: MemoryWorld, instance: dg.DagsterInstance, number: int = 0) -> None:
    at = EPOCH_AT + number * QUARTER
    run_epoch(instance, PAIR, at, job=world.job(), history=world.history, alerts=world.alerts)


def tick(world: MemoryWorld, instance: dg.DagsterInstance, cursor: str | None) -> str | None:
    context = dg.build_sensor_context(
        instance=instance,
        cursor=cursor,
        repository_def=defs.get_repository_def(),
        resources={"alerts": world.alerts},
    )
    failed_transactions(context)
    return context.cursor


def trouble(world: MemoryWorld, source: str, detail: str) -> None:
    problem = SourceProblem(source=source, detail=detail)
    world.snapshots.change = lambda snapshot: replace(snapshot, problems=(problem,))


def test_a_failed_run_of_the_daemon_is_a_hold_and_alerts(world: MemoryWorld, instance: dg.DagsterInstance) -> None:
    world.feed.error = BadAnswer("binance", "negative price at 10:12")
    tags = {EPOCH_TAG: epoch_tag(EPOCH)}
    failed = world.materialize(instance, EPOCH, tags=tags).dagster_run
    report_failed_run(failed, instance, world.history, world.alerts)
    report = world.history.read_epoch("epoch_report", EpochReport, PAIR, EPOCH_AT)
    assert report is not None
    assert report.decision is DecisionKind.HOLD
    assert "binance: negative price at 10:12" in report.reason
    assert report.nav_usd is None
    title, body, key = world.alerts.sent[0]
    assert EPOCH.epoch_id in title
    assert "negative price" in body
    assert key == f"failed:{EPOCH.epoch_id}"


def test_a_failed_run_of_an_unknown_epoch_is_alerted_all_the_same(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    failed = world.materialize(instance, EPOCH).dagster_run
    report_failed_run(failed, instance, world.history, world.alerts)
    assert "nothing to replay" in world.alerts.sent[0][1]
    assert world.history.read_epoch("epoch_report", EpochReport, PAIR, EPOCH_AT) is None


def test_a_recorded_failure_keeps_the_report_that_is_there(world: MemoryWorld, instance: dg.DagsterInstance) -> None:
    first = record_failed_epoch(instance, world.history, EPOCH, "binance: down")
    second = record_failed_epoch(instance, world.history, EPOCH, "something else")
    assert first == second
    assert "binance: down" in second.reason


def test_failed_transactions_are_alerted_once(world: MemoryWorld, instance: dg.DagsterInstance) -> None:
    run(world, instance, 0)
    cursor = tick(world, instance, None)
    assert world.alerts.sent == []
    world.executor.state = IntentState.MANUAL
    run(world, instance, 1)
    world.executor.state = IntentState.FINAL_REVERTED
    run(world, instance, 2)
    cursor = tick(world, instance, cursor)
    assert len(world.alerts.sent) == 2
    assert "2 transactions failed or need a person" in world.alerts.sent[0][0]
    assert "MANUAL" in world.alerts.sent[0][1]
    tick(world, instance, cursor)
    assert len(world.alerts.sent) == 2


def test_an_epoch_that_names_problems_is_alerted_once(world: MemoryWorld, instance: dg.DagsterInstance) -> None:
    trouble(world, "rpc:8453", "no answer")
    run(world, instance, 0)
    assert [title for title, _, _ in world.alerts.sent] == [f"{EPOCH.epoch_id}: 1 problems"]
    assert "rpc:8453: no answer" in world.alerts.sent[0][1]
    assert "HOLD" in world.alerts.sent[0][1]


def test_the_daemon_alerts_troubled_epochs_from_where_it_stopped(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    trouble(world, "geckoterminal", "garbage")
    run(world, instance, 0)
    world.alerts.sent.clear()
    context = dg.build_sensor_context(
        instance=instance,
        repository_def=defs.get_repository_def(),
        resources={"alerts": world.alerts, "history": world.history},
    )
    troubled_epochs(context)
    troubled_epochs(context)
    assert [key for _, _, key in world.alerts.sent] == [f"trouble:{EPOCH.epoch_id}"]


def test_a_run_whose_process_was_killed_is_closed_and_gives_its_slot_back(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    script = "from alm_assets.liveness import this_process; print(this_process(), end='')"
    gone = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    lost = instance.create_run_for_job(world.job(), tags={PROCESS_TAG: gone}, status=dg.DagsterRunStatus.STARTED)
    mine = instance.create_run_for_job(
        world.job(), tags={PROCESS_TAG: this_process()}, status=dg.DagsterRunStatus.STARTED
    )
    foreign = instance.create_run_for_job(world.job(), status=dg.DagsterRunStatus.STARTED)
    again = instance.create_run_for_job(
        world.job(),
        tags={PROCESS_TAG: gone},
        parent_run_id=foreign.run_id,
        root_run_id=foreign.run_id,
        status=dg.DagsterRunStatus.STARTED,
    )
    storage = instance.event_log_storage
    storage.initialize_concurrency_limit_to_default("wallet:transactions")
    assert storage.claim_concurrency_slot("wallet:transactions", lost.run_id, "executed_transactions").is_claimed
    assert [run.run_id for run in close_lost_runs(instance)] == [lost.run_id]
    assert close_lost_runs(instance) == []
    statuses = {one.run_id: one.status for one in instance.get_runs()}
    assert statuses[lost.run_id] is dg.DagsterRunStatus.FAILURE
    assert statuses[mine.run_id] is dg.DagsterRunStatus.STARTED
    assert statuses[foreign.run_id] is dg.DagsterRunStatus.STARTED
    assert statuses[again.run_id] is dg.DagsterRunStatus.STARTED
    assert storage.claim_concurrency_slot("wallet:transactions", mine.run_id, "executed_transactions").is_claimed


def test_the_next_epoch_runs_after_a_run_was_killed_holding_the_wallet(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    killed = Epoch(pair=PAIR, epoch_at=EPOCH_AT - QUARTER)
    tags = {
        PROCESS_TAG: f"{this_process()}0",
        EPOCH_TAG: epoch_tag(killed),
        "dagster/partition": str(partition_key(killed)),
    }
    lost = instance.create_run_for_job(world.job(), tags=tags, status=dg.DagsterRunStatus.STARTED)
    instance.event_log_storage.initialize_concurrency_limit_to_default("wallet:transactions")
    instance.event_log_storage.claim_concurrency_slot("wallet:transactions", lost.run_id, "executed_transactions")
    run(world, instance)
    report = world.history.read_epoch("epoch_report", EpochReport, PAIR, EPOCH_AT)
    assert report is not None
    assert report.price is not None
    held = world.history.read_epoch("epoch_report", EpochReport, PAIR, killed.epoch_at)
    assert held is not None
    assert "its process was killed" in held.reason
    assert [key for _, _, key in world.alerts.sent] == [f"failed:{killed.epoch_id}"]


def test_retention_deletes_step_events_and_keeps_what_the_catalog_shows(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    run(world, instance)
    now = datetime.now(UTC)
    assert delete_step_events(instance, now - timedelta(hours=1)) == 0
    assert delete_step_events(instance, now + timedelta(minutes=1)) > 30
    key = dg.AssetKey("epoch_report")
    assert len(instance.fetch_materializations(key, limit=5).records) == 1
    assert instance.get_materialized_partitions(key) == {partition_key(EPOCH)}
    assert [one.status for one in instance.get_runs()] == [dg.DagsterRunStatus.SUCCESS]


def test_an_epoch_is_in_the_partition_of_its_day_and_pair() -> None:
    assert partition_key(Epoch(pair="WETH-USDC", epoch_at=EPOCH_AT)) == "2025-11-20|WETH-USDC"


def test_the_sensor_leaves_alone_what_was_reported_but_not_its_re_execution(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    world.feed.error = BadAnswer("binance", "no JSON")
    tags = {EPOCH_TAG: epoch_tag(EPOCH)}

    def sense(run: dg.DagsterRun) -> None:
        event = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE).records[0]
        context = dg.build_run_status_sensor_context(
            sensor_name="failed_epochs",
            dagster_instance=instance,
            dagster_run=run,
            dagster_event=event.event_log_entry.get_dagster_event(),
        ).for_run_failure()
        failed_epochs(context, history=world.history, alerts=world.alerts)

    run(world, instance)
    reported = instance.get_runs()[0]
    sense(reported)
    assert len(world.alerts.sent) == 1
    again = world.materialize(instance, EPOCH, tags={**tags, REPORTED_TAG: reported.tags[REPORTED_TAG]}).dagster_run
    sense(again)
    assert len(world.alerts.sent) == 2
