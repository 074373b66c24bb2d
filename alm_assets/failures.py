"""An epoch that failed is a HOLD: it is reported as one, and a person is told."""

from typing import cast

import dagster as dg

from alm_assets.epochs import epoch_of_run
from alm_assets.partitions import partition_key
from alm_assets.plans import report_metadata
from alm_assets.ports import Alerts, History
from alm_assets.tables import PROBLEM_TEXTS
from alm_core.accounting.epoch_reports import failed_epoch_report
from alm_core.model.epochs import Epoch
from alm_core.model.errors import InvalidInput
from alm_core.model.reports import EpochReport

REPORT = "epoch_report"
REPORTED_TAG = "alm/reported"
"""On runs whose failure was recorded and alerted; its value is the run, since a re-execution inherits tags."""


def report_failed_run(
    run: dg.DagsterRun, instance: dg.DagsterInstance, history: History, alerts: Alerts
) -> EpochReport | None:
    """Record a failed run's epoch as HOLD and alert; return the epoch's report.

    A run whose epoch cannot be known is alerted all the same; there is no report of it.
    """
    error = failure_of_run(instance, run.run_id)
    try:
        epoch = epoch_of_run(run, run.tags.get("dagster/partition", ""), instance, history)
    except InvalidInput as unknown:
        alerts.send(f"{run.job_name}: run failed", f"{error}\n{unknown}\nrun {run.run_id}", key=f"failed:{run.run_id}")
        return None
    report = record_failed_epoch(instance, history, epoch, error)
    body = f"{error}\nthe epoch counts as {report.decision}\nrun {run.run_id}"
    alerts.send(f"{epoch.epoch_id}: run failed", body, key=f"failed:{epoch.epoch_id}")
    instance.add_run_tags(run.run_id, {REPORTED_TAG: run.run_id})
    return report


def record_failed_epoch(instance: dg.DagsterInstance, history: History, epoch: Epoch, error: str) -> EpochReport:
    """Store a HOLD that names the failure as the epoch's report, visible in the UI, and return the epoch's report.

    An epoch that has a report already keeps it: a failed re-execution does not rewrite what happened.
    """
    stored = history.read_epoch(REPORT, EpochReport, epoch.pair, epoch.epoch_at)
    if stored is not None:
        return stored
    report = failed_epoch_report(epoch, error)
    history.write_epoch(REPORT, report)
    instance.report_runless_asset_event(
        dg.AssetMaterialization(REPORT, partition=partition_key(epoch), metadata=report_metadata(report))
    )
    return report


def failure_of_run(instance: dg.DagsterInstance, run_id: str) -> str:
    """Return why a run failed, as its first failed step says it; the last resort is that it was lost."""
    for kind in (dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE):
        for record in instance.get_records_for_run(run_id, of_type=kind).records:
            event = record.event_log_entry.dagster_event
            if event is not None:
                return _reason(event)
    return "the run ended without saying why (process killed or machine lost)"


def _reason(event: dg.DagsterEvent) -> str:
    if not event.is_step_failure:
        return event.message or "run failed"
    data = event.step_failure_data
    described = data.user_failure_data.description if data.user_failure_data else None
    # Dagster wraps what the asset raised; causes further down are our own details.
    error = data.error.cause if data.error is not None and data.error.cause is not None else data.error
    text = described or (error.message if error is not None else event.message) or "step failed"
    return f"{event.step_key}: {text.strip()}"


def alert_troubled_epoch(alerts: Alerts, report: EpochReport, instance: dg.DagsterInstance, run_id: str) -> bool:
    """Tell a person of an epoch whose run went through but which names problems; return whether it does.

    Exchanges that its candles do without count: the epoch went on, but with one source less. So do a regime that began
    and a kill switch that fired. A run that failed left a report without a price; :func:`report_failed_run` has told
    of it.
    """
    if report.price is None:
        return False
    problems = (*_problem_texts(instance, run_id), *report.problems)
    if not problems:
        return False
    epoch = Epoch(pair=report.pair, epoch_at=report.epoch_at)
    body = "\n".join((*problems, f"decision: {report.decision}: {report.reason}"))
    alerts.send(f"{epoch.epoch_id}: {len(problems)} problems", body, key=f"trouble:{epoch.epoch_id}")
    return True


def _problem_texts(instance: dg.DagsterInstance, run_id: str) -> tuple[str, ...]:
    """What the assets of a run say a person must hear of."""
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records
    made = [record.asset_materialization for record in records]
    entries = [materialization.metadata.get(PROBLEM_TEXTS) for materialization in made if materialization is not None]
    return tuple(str(text) for entry in entries if entry is not None for text in cast("list[object]", entry.value))
