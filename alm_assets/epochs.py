"""Which epoch a run is for. The only place where the wiring may turn a clock into an epoch.

1. The run carries the tag ``alm/epoch`` (schedule, ``alm epoch``, re-executions): that epoch.
2. Without it, a run that only reads (``candles``, ``pool_snapshots``) of a past day is for no epoch: it backfills the
   day. So does one of ``candles`` alone today.
3. Without it, a run of today's partition that reads the market anew: the quarter hour in which the run was created.
4. Any other run without it: the last epoch that was decided for the partition, or else stored, replayed from stored
   inputs. Snapshots that were backfilled are not epochs that were decided.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

import dagster as dg

from alm_assets.partitions import pair_and_day
from alm_assets.ports import History
from alm_assets.provenance import EPOCH_INPUTS
from alm_core.model.epochs import Epoch, floor_to_epoch
from alm_core.model.errors import InvalidInput

EPOCH_TAG = "alm/epoch"
READING_ASSET = "pool_snapshots"
BACKFILLED_ASSETS = frozenset({"candles", READING_ASSET})


def epoch_of(context: dg.AssetExecutionContext, history: History) -> Epoch:
    """Return the epoch of a run; the same for all its steps."""
    return epoch_of_run(context.run, context.partition_key, context.instance, history, context.job_def)


def day_to_backfill(context: dg.AssetExecutionContext) -> date | None:
    """Return the day that a run backfills, ``None`` where the run is for an epoch."""
    run, key = context.run, context.partition_key
    if not _backfills(run, key, context.instance, _selected(run, context.job_def)):
        return None
    return date.fromisoformat(pair_and_day(key)[1])


def epoch_of_run(
    run: dg.DagsterRun,
    key: str,
    instance: dg.DagsterInstance,
    history: History,
    job: dg.JobDefinition | None = None,
) -> Epoch:
    """Return the epoch of a run by the rules of this module.

    Parameters
    ----------
    run, key, instance, history
        The run, its partition, and where both are recorded.
    job
        Says which assets the run selected where the run itself does not.

    Raises
    ------
    InvalidInput
        If the tag is no epoch of the partition, or there is no tag and the run backfills a day or nothing is stored
        to replay.
    """
    tagged = epoch_of_tags(run.tags, key)
    if tagged is not None:
        return tagged
    pair, day = pair_and_day(key)
    created_at = _created_at(run, instance)
    selected = _selected(run, job)
    if _backfills(run, key, instance, selected):
        raise InvalidInput(f"run {run.run_id} backfills {key}: it is for no epoch; tag it {EPOCH_TAG} to run one")
    if day == created_at.strftime("%Y-%m-%d") and (not selected or READING_ASSET in selected):
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


def _selected(run: dg.DagsterRun, job: dg.JobDefinition | None) -> frozenset[str]:
    """Names of the assets of a run; empty where that is not known: then it is a run of all."""
    keys = job.asset_layer.selected_asset_keys if job is not None else run.asset_selection or ()
    return frozenset(key.path[-1] for key in keys)


def _backfills(run: dg.DagsterRun, key: str, instance: dg.DagsterInstance, selected: frozenset[str]) -> bool:
    if EPOCH_TAG in run.tags or not selected or not selected <= BACKFILLED_ASSETS:
        return False
    day, today = pair_and_day(key)[1], _created_at(run, instance).strftime("%Y-%m-%d")
    return day < today or (day == today and READING_ASSET not in selected)


def _created_at(run: dg.DagsterRun, instance: dg.DagsterInstance) -> datetime:
    # Taken from the run, so that all steps of a run see the same quarter hour.
    record = instance.get_run_record_by_id(run.run_id)
    if record is None:
        raise InvalidInput(f"run {run.run_id} is not recorded and carries no tag {EPOCH_TAG}")
    return record.create_timestamp.astimezone(UTC)


def _last_stored(pair: str, day: str, history: History) -> Epoch:
    start_at = datetime.combine(date.fromisoformat(day), time(), tzinfo=UTC)
    for asset in (EPOCH_INPUTS, READING_ASSET):
        stored = history.read_epoch_times(asset, pair, start_at, start_at + timedelta(days=1))
        if stored:
            return Epoch(pair=pair, epoch_at=stored[-1])
    raise InvalidInput(f"no epoch of {pair} is stored for {day}: nothing to replay; tag the run {EPOCH_TAG}")
