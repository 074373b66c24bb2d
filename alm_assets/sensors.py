"""Sensors that tell a person: a run that failed, a transaction that failed or waits for one."""

from collections.abc import Sequence
from datetime import datetime

import dagster as dg

from alm_assets.failures import REPORT, REPORTED_TAG, alert_troubled_epoch, report_failed_run
from alm_assets.jobs import rebalance
from alm_assets.partitions import pair_and_day
from alm_assets.ports import Alerts, History
from alm_core.model.reports import EpochReport

EVENTS_PER_TICK = 100
EXECUTED = dg.AssetKey("executed_transactions")
REPORTED = dg.AssetKey(REPORT)


@dg.run_failure_sensor(  # pyright: ignore[reportUnknownMemberType] - PathLike without argument in its signature
    monitored_jobs=[rebalance],
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=15,
    description="A failed epoch is reported as HOLD and alerted.",
)
def failed_epochs(
    context: dg.RunFailureSensorContext, history: dg.ResourceParam[History], alerts: dg.ResourceParam[Alerts]
) -> None:
    """Record the HOLD and alert."""
    run = context.dagster_run
    if run.tags.get(REPORTED_TAG) != run.run_id:
        report_failed_run(run, context.instance, history, alerts)


@dg.sensor(  # pyright: ignore[reportUnknownMemberType] - PathLike without argument in its signature
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=15,
    description="A transaction that failed, or that needs a person, is alerted.",
)
def failed_transactions(context: dg.SensorEvaluationContext, alerts: dg.ResourceParam[Alerts]) -> dg.SkipReason:
    """Look at the materializations of executed_transactions since the last tick."""
    found = _since_last_tick(context, EXECUTED)
    alerted = sum(alert_failed_transactions(record, alerts) for record in found)
    return dg.SkipReason(f"{len(found)} epochs looked at, {alerted} alerted")


@dg.sensor(  # pyright: ignore[reportUnknownMemberType] - PathLike without argument in its signature
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=15,
    description="An epoch that ran but names problems (a silent source, books that differ) is alerted.",
)
def troubled_epochs(
    context: dg.SensorEvaluationContext, history: dg.ResourceParam[History], alerts: dg.ResourceParam[Alerts]
) -> dg.SkipReason:
    """Look at the epoch reports since the last tick."""
    found = _since_last_tick(context, REPORTED)
    alerted = sum(_alert_reported(record, context.instance, history, alerts) for record in found)
    return dg.SkipReason(f"{len(found)} epochs looked at, {alerted} alerted")


def _since_last_tick(context: dg.SensorEvaluationContext, asset: dg.AssetKey) -> Sequence[dg.EventLogRecord]:
    found = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=asset, after_storage_id=int(context.cursor or 0)),
        limit=EVENTS_PER_TICK,
        ascending=True,
    ).records
    if found:
        context.update_cursor(str(found[-1].storage_id))
    return found


def _alert_reported(record: dg.EventLogRecord, instance: dg.DagsterInstance, history: History, alerts: Alerts) -> bool:
    materialization = record.asset_materialization
    if materialization is None:
        return False
    pair, _ = pair_and_day(materialization.partition or "")
    at = datetime.fromisoformat(str(materialization.metadata["epoch_at"].value))
    report = history.read_epoch(REPORT, EpochReport, pair, at)
    return report is not None and alert_troubled_epoch(alerts, report, instance, record.run_id)


def alert_failed_transactions(record: dg.EventLogRecord, alerts: Alerts) -> bool:
    """Alert what failed in one materialization; return whether anything did."""
    materialization = record.asset_materialization
    if materialization is None:
        return False
    metadata = {name: entry.value for name, entry in materialization.metadata.items()}
    failed = metadata.get("failed", 0)
    if not failed:
        return False
    pair, _ = pair_and_day(materialization.partition or "")
    epoch = f"{pair} at {metadata.get('epoch_at')}"
    alerts.send(
        f"{epoch}: {failed} transactions failed or need a person",
        f"stopped early: {metadata.get('halted', 'no')}\n{metadata.get('transactions')}",
        key=f"transactions:{epoch}",
    )
    return True
