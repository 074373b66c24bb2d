"""The quarter hours: one run per configured pair and epoch. A tick that comes late is skipped, never caught up."""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg

from alm_assets.epochs import EPOCH_TAG, epoch_tag
from alm_assets.jobs import freshness, rebalance
from alm_assets.partitions import partition_key, register_pairs
from alm_core.model.epochs import EPOCH_LENGTH, Epoch, floor_to_epoch
from alm_resources.settings import Settings

LATE_AFTER = EPOCH_LENGTH


@dg.schedule(  # pyright: ignore[reportUnknownMemberType] - PathLike without argument in its signature
    job=rebalance,
    cron_schedule="*/15 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="One run per pair for the quarter hour that has just begun.",
)
def quarter_hours(
    context: dg.ScheduleEvaluationContext, settings: dg.ResourceParam[Settings]
) -> list[dg.RunRequest] | dg.SkipReason:
    """Request the runs of one tick."""
    register_pairs(context.instance, settings.pairs)
    return requests_of_tick(settings.pairs, context.scheduled_execution_time, datetime.now(UTC))


def requests_of_tick(
    pair_ids: Sequence[str], scheduled_at: datetime, now: datetime
) -> list[dg.RunRequest] | dg.SkipReason:
    """Return one run request per pair for the epoch of a tick, or why there is none.

    Parameters
    ----------
    pair_ids
        Configured pairs.
    scheduled_at
        Time the tick was due; it is the epoch, whatever the clock says.
    now
        A tick that is an epoch late is skipped: its market is gone, and the next epoch sees the present one.
    """
    epoch_at = floor_to_epoch(scheduled_at)
    if now - scheduled_at >= LATE_AFTER:
        return dg.SkipReason(f"tick of {epoch_at.isoformat()} came {now - scheduled_at} late: its epoch is over")
    return [request_of_epoch(Epoch(pair=pair, epoch_at=epoch_at)) for pair in pair_ids]


def request_of_epoch(epoch: Epoch) -> dg.RunRequest:
    """Return the run request of an epoch; its key makes it run once."""
    return dg.RunRequest(run_key=epoch.epoch_id, partition_key=partition_key(epoch), tags={EPOCH_TAG: epoch_tag(epoch)})


freshness_checks = dg.ScheduleDefinition(
    name="freshness_checks",
    job=freshness,
    cron_schedule="7,22,37,52 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Looks for pairs without a recent epoch, seven minutes into each.",
)
