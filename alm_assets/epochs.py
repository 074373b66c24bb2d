"""Which epoch a run is for. The only place where the wiring may turn a clock into an epoch.

1. The run carries the tag ``alm/epoch`` (schedule, ``alm epoch``, re-executions): that epoch.
2. Without it, a run of today's partition that reads the market anew: the quarter hour in which the run was created.
3. Any other run without it: the last epoch that is stored for the partition, replayed from stored inputs.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime

import dagster as dg

from alm_assets.partitions import pair_and_day
from alm_assets.ports import History
from alm_core.model.epochs import Epoch, floor_to_epoch
from alm_core.model.errors import InvalidInput

EPOCH_TAG = "alm/epoch"
READING_ASSET = "pool_snapshots"


def epoch_of(context: dg.AssetExecutionContext, history: History) -> Epoch:
    """Return the epoch of a run; the same for all its steps."""
    return epoch_of_run(context.run, context.partition_key, context.instance, history)


def epoch_of_run(run: dg.DagsterRun, key: str, instance: dg.DagsterInstance, history: History) -> Epoch:
    """Return the epoch of a run by the rules of this module.

    Raises
    ------
    InvalidInput
        If the tag is no epoch of the partition, or there is no tag and nothing is stored to replay.
    """
    tagged = epoch_of_tags(run.tags, key)
    if tagged is not None:
        return tagged
    pair, day = pair_and_day(key)
    created_at = _created_at(run, instance)
    if _reads_market(run) and day == created_at.strftime("%Y-%m-%d"):
        return Epoch(pair=pair, epoch_at=floor_to_epoch(created_at))
    return _last_stored(pair, day, history)


def epoch_of_tags(tags: Mapping[str, str], key: str) -> Epoch | None:
    """Return the epoch that the tag ``alm/epoch`` names, ``None`` without the tag.

    Raises
    ------
    InvalidInput
        If the tag is not a quarter hour of the partition's day.
    """
    text = tags.get(EPOCH_TAG)
    if text is None:
        return None
    pair, day = pair_and_day(key)
    try:
        epoch = Epoch(pair=pair, epoch_at=datetime.fromisoformat(text))
    except ValueError as error:
        raise InvalidInput(f"run tag {EPOCH_TAG}={text!r} is not an epoch: {error}") from error
    if epoch.day != day:
        raise InvalidInput(f"run tag {EPOCH_TAG}={text!r} is not in partition {key}")
    return Epoch(pair=pair, epoch_at=epoch.epoch_at.astimezone(UTC))


def epoch_tag(epoch: Epoch) -> str:
    """Return the value of the tag for an epoch, for example ``2026-11-22T10:30:00+00:00``."""
    return epoch.epoch_at.astimezone(UTC).isoformat()


def _reads_market(run: dg.DagsterRun) -> bool:
    return run.asset_selection is None or any(key.path[-1] == READING_ASSET for key in run.asset_selection)


def _created_at(run: dg.DagsterRun, instance: dg.DagsterInstance) -> datetime:
    # Taken from the run, so that all steps of a run see the same quarter hour.
    record = instance.get_run_record_by_id(run.run_id)
    if record is None:
        raise InvalidInput(f"run {run.run_id} is not recorded and carries no tag {EPOCH_TAG}")
    return record.create_timestamp.astimezone(UTC)


def _last_stored(pair: str, day: str, history: History) -> Epoch:
    start_at, end_at = _bounds(date.fromisoformat(day))
    stored = history.read_epoch_times(READING_ASSET, pair, start_at, end_at)
    if not stored:
        raise InvalidInput(f"no epoch of {pair} is stored for {day}: nothing to replay; tag the run {EPOCH_TAG}")
    return Epoch(pair=pair, epoch_at=stored[-1])


def _bounds(day: date) -> tuple[datetime, datetime]:
    start_at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return start_at, datetime.fromtimestamp(start_at.timestamp() + 86_400, tz=UTC)
