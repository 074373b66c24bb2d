"""Retention of the event log. Deleting a run would delete its materializations; what explains old steps can go.

A day of four pairs leaves some 25,000 events. Materializations, checks and outcomes of runs stay.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg

KEEP = timedelta(days=30)
STEP_EVENTS = tuple(
    kind.value
    for kind in (
        dg.DagsterEventType.STEP_START,
        dg.DagsterEventType.STEP_SUCCESS,
        dg.DagsterEventType.STEP_INPUT,
        dg.DagsterEventType.STEP_OUTPUT,
        dg.DagsterEventType.STEP_SKIPPED,
        dg.DagsterEventType.LOADED_INPUT,
        dg.DagsterEventType.HANDLED_OUTPUT,
        dg.DagsterEventType.LOGS_CAPTURED,
        dg.DagsterEventType.ENGINE_EVENT,
        dg.DagsterEventType.RESOURCE_INIT_STARTED,
        dg.DagsterEventType.RESOURCE_INIT_SUCCESS,
    )
)


@dg.op(description="Deletes step events older than 30 days; materializations, checks and run outcomes stay.")
def prune_event_log(context: dg.OpExecutionContext) -> int:
    """Prune, and return how many events went."""
    gone = delete_step_events(context.instance, datetime.now(UTC) - KEEP)
    context.log.info(f"{gone} step events deleted")
    return gone


@dg.job(executor_def=dg.in_process_executor)  # pyright: ignore[reportUnknownMemberType] - PathLike without argument in its signature
def retention() -> None:
    """Daily pruning of the event log."""
    prune_event_log()


daily_retention = dg.ScheduleDefinition(
    name="daily_retention",
    job=retention,
    cron_schedule="40 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)


def delete_step_events(instance: dg.DagsterInstance, before_at: datetime) -> int:
    """Delete step events older than a moment; return how many."""
    from dagster._core.storage.event_log import SqlEventLogStorage
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as Events

    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        raise TypeError(f"{type(storage).__name__} is no SQL event log")
    with storage.index_connection() as connection:
        old = Events.c.timestamp < before_at.astimezone(UTC).replace(tzinfo=None)
        explains_a_step = Events.c.dagster_event_type.in_(STEP_EVENTS)
        return int(connection.execute(Events.delete().where(old & explains_a_step)).rowcount)
