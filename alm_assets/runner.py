"""One epoch in this process, recorded by a Dagster instance as any other run.

Used by ``alm demo`` and ``alm epoch``. The run carries the origin of the code location, so that the UI links it to the
assets and can execute it again.
"""

import sys
from dataclasses import dataclass
from datetime import datetime
from functools import cache

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.execution.api import execute_run
from dagster._core.instance.types import CachingDynamicPartitionsLoader
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from alm_assets.epochs import EPOCH_TAG, epoch_tag
from alm_assets.failures import alert_troubled_epoch, failure_of_run, report_failed_run
from alm_assets.jobs import REBALANCE
from alm_assets.liveness import PROCESS_TAG, close_lost_runs, this_process
from alm_assets.partitions import partition_key, register_pairs
from alm_assets.ports import Alerts, History
from alm_assets.resources import world_from_env
from alm_core.model.epochs import Epoch
from alm_core.model.reports import EpochReport

LOCATION = "alm_live"
MODULE = "alm_assets.definitions_live"
REPOSITORY = "__repository__"


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRun:
    """A finished run of an epoch. ``report`` is a HOLD that names ``error`` where the run failed."""

    epoch: Epoch
    run_id: str
    success: bool
    error: str | None
    report: EpochReport


def run_epoch(
    instance: dg.DagsterInstance,
    pair: str,
    epoch_at: datetime,
    *,
    job: dg.JobDefinition | None = None,
    history: History | None = None,
    alerts: Alerts | None = None,
) -> EpochRun:
    """Run the job ``rebalance`` for one epoch in this process and wait for it.

    A failed run does not raise: the epoch counts as HOLD, is reported as such, and a person is told.

    Parameters
    ----------
    instance
        Instance that records the run.
    pair, epoch_at
        The epoch. Running one again replays it from stored inputs.
    job, history, alerts
        By default those of the code location ``alm_live`` and of this process's environment.

    Raises
    ------
    InvalidInput
        If ``epoch_at`` is not a quarter hour.
    """
    epoch = Epoch(pair=pair, epoch_at=epoch_at)
    kept, told = history or world_from_env().history, alerts or world_from_env().alerts
    register_pairs(instance, [pair])
    for lost in close_lost_runs(instance):
        report_failed_run(lost, instance, kept, told)
    run, succeeded = _execute(instance, job or _live_job(), epoch)
    error = None if succeeded else failure_of_run(instance, run.run_id)
    report = _report(kept, epoch) if succeeded else report_failed_run(run, instance, kept, told)
    if report is None:
        raise LookupError(f"run {run.run_id} of {epoch.epoch_id} left no epoch report")
    if succeeded:
        alert_troubled_epoch(told, report, instance, run.run_id)
    return EpochRun(epoch=epoch, run_id=run.run_id, success=succeeded, error=error, report=report)


def _report(history: History, epoch: Epoch) -> EpochReport | None:
    return history.read_epoch("epoch_report", EpochReport, epoch.pair, epoch.epoch_at)


def _execute(instance: dg.DagsterInstance, job: dg.JobDefinition, epoch: Epoch) -> tuple[dg.DagsterRun, bool]:
    # Without the cache every input and output asks the database for the pairs again.
    with partition_loading_context(dynamic_partitions_store=CachingDynamicPartitionsLoader(instance)):
        run = _create_run(instance, job, epoch)
        return run, execute_run(InMemoryJob(job), run, instance).success


def _create_run(instance: dg.DagsterInstance, job: dg.JobDefinition, epoch: Epoch) -> dg.DagsterRun:
    key = partition_key(epoch)
    tags = {
        **job.tags,
        **job.get_tags_for_partition_key(key, None),
        EPOCH_TAG: epoch_tag(epoch),
        PROCESS_TAG: this_process(),
    }
    return instance.create_run_for_job(job, tags=tags, remote_job_origin=_origin())


@cache
def _live_job() -> dg.JobDefinition:
    from alm_assets.definitions_live import defs

    return defs.resolve_job_def(REBALANCE)


@cache
def _origin() -> RemoteJobOrigin:
    loadable = LoadableTargetOrigin(executable_path=sys.executable, module_name=MODULE)
    location = ManagedGrpcPythonEnvCodeLocationOrigin(loadable_target_origin=loadable, location_name=LOCATION)
    repository = RemoteRepositoryOrigin(code_location_origin=location, repository_name=REPOSITORY)
    return RemoteJobOrigin(repository_origin=repository, job_name=REBALANCE)
