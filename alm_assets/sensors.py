"""Sensors that tell a person: a run that failed, a transaction that failed or waits for one."""

import dagster as dg

from alm_assets.failures import REPORTED_TAG, report_failed_run
from alm_assets.jobs import rebalance
from alm_assets.partitions import pair_and_day
from alm_assets.ports import Alerts, History

EVENTS_PER_TICK = 100
EXECUTED = dg.AssetKey("executed_transactions")


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
    found = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=EXECUTED, after_storage_id=int(context.cursor or 0)),
        limit=EVENTS_PER_TICK,
        ascending=True,
    ).records
    alerted = sum(alert_failed_transactions(record, alerts) for record in found)
    if found:
        context.update_cursor(str(found[-1].storage_id))
    return dg.SkipReason(f"{len(found)} epochs looked at, {alerted} alerted")


def alert_failed_transactions(record: dg.EventLogRecord, alerts: Alerts) -> bool:
    """Alert what failed in one materialization; return whether anything did."""
    materialization = record.asset_materialization
    if materialization is None:
        return False
    metadata = {name: entry.value for name, entry in materialization.metadata.items()}
    failed, halted = metadata.get("failed", 0), metadata.get("halted", "no")
    if not failed and halted == "no":
        return False
    pair, _ = pair_and_day(materialization.partition or "")
    epoch = f"{pair} at {metadata.get('epoch_at')}"
    alerts.send(
        f"{epoch}: {failed} transactions failed or need a person",
        f"stopped early: {halted}\n{metadata.get('transactions')}",
        key=f"transactions:{epoch}",
    )
    return True
