"""What an epoch remembers of the epochs before it, read from history."""

from datetime import datetime, timedelta

from alm_assets.ports import History
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.epochs import Epoch
from alm_core.model.market import MarketSnapshot
from alm_core.model.reports import EpochReport
from alm_core.model.transactions import ExecutionReport, IntentState

REPORTS_WITHIN = timedelta(days=2)


def last_rebalance(epoch: Epoch, history: History, within: timedelta) -> datetime | None:
    """Return the last epoch before this one, not older than ``within``, whose plan moved capital.

    A plan whose execution left no report (a killed run) counts as one that moved capital.
    """
    window = epoch.pair, epoch.epoch_at - within, epoch.epoch_at
    executed = {e.epoch_at: e for e in history.read_epochs("executed_transactions", ExecutionReport, *window)}
    for plan in reversed(history.read_epochs("allocations", AllocationPlan, *window)):
        if plan.decision.kind is not DecisionKind.HOLD and _moved(executed.get(plan.epoch_at)):
            return plan.epoch_at
    return None


def previous_report(epoch: Epoch, history: History) -> tuple[EpochReport, MarketSnapshot] | None:
    """Return the last report that knows its fees, with its snapshot; epochs that failed are passed over."""
    window = epoch.pair, epoch.epoch_at - REPORTS_WITHIN, epoch.epoch_at
    for report in reversed(history.read_epochs("epoch_report", EpochReport, *window)):
        snapshot = history.read_epoch("pool_snapshots", MarketSnapshot, epoch.pair, report.epoch_at)
        if report.fees_collected_usd is not None and snapshot is not None:
            return report, snapshot
    return None


def _moved(report: ExecutionReport | None) -> bool:
    return report is None or any(t.state is IntentState.FINAL_OK for t in report.transactions)
