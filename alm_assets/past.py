"""What an epoch remembers of the epochs before it, read from history."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from alm_assets.ports import History
from alm_core.model.config import StrategyConfig
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.epochs import EPOCH_LENGTH, Epoch
from alm_core.model.market import MarketSnapshot
from alm_core.model.reports import EpochReport
from alm_core.model.signals import OptimizedRange
from alm_core.model.transactions import ExecutionReport, IntentState

if TYPE_CHECKING:
    from alm_core.portfolio.decision import PastEpochs

REPORTS_WITHIN = timedelta(days=2)


def past_epochs(epoch: Epoch, history: History, strategy: StrategyConfig) -> "PastEpochs":
    """Return the snapshots that yields are measured over, and when capital was last moved."""
    from alm_core.portfolio.decision import PastEpochs

    start_at = epoch.epoch_at - strategy.yield_window_epochs * EPOCH_LENGTH
    return PastEpochs(
        snapshots=history.read_epochs("pool_snapshots", MarketSnapshot, epoch.pair, start_at, epoch.epoch_at),
        last_rebalance_at=last_rebalance(epoch, history, strategy.min_hold),
    )


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


def previous_range(epoch: Epoch, history: History) -> OptimizedRange | None:
    """Return the range of the last epoch before this one; its parameters are the ones in force."""
    return history.read_latest("optimized_ranges", OptimizedRange, epoch.pair, epoch.epoch_at)


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
