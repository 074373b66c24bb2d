"""Sensors that tell a person: a run that failed, a transaction that failed or waits for one."""

import dagster as dg

from alm_assets.epochs import epoch_of_run
from alm_assets.failures import alert_failed_epoch, failure_of_run, record_failed_epoch
from alm_assets.jobs import REBALANCE, rebalance
from alm_assets.partitions import pair_and_day
from alm_assets.ports import Alerts, History
from alm_core.model.errors import InvalidInput

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
    report_failed_run(context.dagster_run, context.instance, history, alerts)


def report_failed_run(run: dg.DagsterRun, instance: dg.DagsterInstance, history: History, alerts: Alerts) -> None:
    """Record a failed run's epoch as HOLD and alert; a run whose epoch cannot be known is alerted all the same."""
    error = failure_of_run(instance, run.run_id)
    try:
        epoch = epoch_of_run(run, run.tags.get("dagster/partition", ""), instance, history)
    except InvalidInput as unknown:
        alerts.send(f"{REBALANCE} failed", f"{error}\n{unknown}\nrun {run.run_id}", key=f"failed:{run.run_id}")
        return
    alert_failed_epoch(alerts, record_failed_epoch(instance, history, epoch, error), error, run.run_id)


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
