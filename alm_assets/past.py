"""What an epoch remembers of the epochs before it, read from history."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise

from alm_assets.ports import History
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.epochs import Epoch
from alm_core.model.market import MarketSnapshot
from alm_core.model.past import RecentEpoch
from alm_core.model.reports import EpochReport
from alm_core.model.transactions import ExecutionReport, IntentState

REPORTS_WITHIN = timedelta(days=2)
RECENT_WITHIN = timedelta(days=1)
_LEAVES_CAPITAL = frozenset({DecisionKind.HOLD, DecisionKind.COMPOUND})


def last_rebalance(epoch: Epoch, history: History, within: timedelta) -> datetime | None:
    """Return the last epoch before this one, not older than ``within``, whose plan moved capital.

    Compounding leaves capital where it is. A plan whose execution left no report (a killed run) counts as one that
    moved capital.
    """
    window = epoch.pair, epoch.epoch_at - within, epoch.epoch_at
    executed = {e.epoch_at: e for e in history.read_epochs("executed_transactions", ExecutionReport, *window)}
    for plan in reversed(history.read_epochs("allocations", AllocationPlan, *window)):
        if plan.decision.kind not in _LEAVES_CAPITAL and _moved(executed.get(plan.epoch_at)):
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


def recent_epochs(epoch: Epoch, history: History) -> tuple[RecentEpoch, ...]:
    """Return the epochs of the 24 h before this one that were planned or reported, oldest first.

    An action whose execution left no report (a killed run) counts as one that moved capital and whose gas nobody knows.
    """
    window = epoch.pair, epoch.epoch_at - RECENT_WITHIN, epoch.epoch_at
    plans = {plan.epoch_at: plan for plan in history.read_epochs("allocations", AllocationPlan, *window)}
    executed = {e.epoch_at: e for e in history.read_epochs("executed_transactions", ExecutionReport, *window)}
    reports = {report.epoch_at: report for report in history.read_epochs("epoch_report", EpochReport, *window)}
    lost = _holding_losses_usd(epoch, history)
    return tuple(
        _recent(at, plans.get(at), executed.get(at), reports.get(at), lost.get(at))
        for at in sorted(plans.keys() | reports.keys())
    )


@lru_cache(maxsize=200)
def snapshot_from(payload: str) -> MarketSnapshot:
    """Return a stored snapshot. The same one is in the past of up to 96 later epochs."""
    # Polars comes with it: a code location that only lists its assets does without.
    from alm_resources.history.payload import value_from_payload

    return value_from_payload(MarketSnapshot, payload, "stored snapshot")


def _recent(
    at: datetime,
    plan: AllocationPlan | None,
    executed: ExecutionReport | None,
    report: EpochReport | None,
    holding_loss_usd: float | None,
) -> RecentEpoch:
    gain_usd, cost_usd = _promised(plan)
    acted = plan is not None and plan.decision.kind is not DecisionKind.HOLD
    gas_usd = report.gas_usd if report is not None else None
    if gas_usd is None and executed is None and not acted:
        # A run that failed before it had anything to send paid nothing.
        gas_usd = 0.0
    known = report.nav_usd if report is not None else None
    return RecentEpoch(
        epoch_at=at,
        kind=plan.decision.kind if plan is not None else DecisionKind.HOLD,
        moved=acted and _moved(executed),
        nav_usd=known if known is not None or plan is None else plan.nav_usd,
        fees_usd=report.fees_usd if report is not None else None,
        gas_usd=gas_usd,
        expected_gain_usd=gain_usd,
        expected_cost_usd=cost_usd,
        holding_loss_usd=holding_loss_usd,
        moves=plan.moves if plan is not None and _moved(executed) else (),
    )


def _promised(plan: AllocationPlan | None) -> tuple[float, float]:
    return (0.0, 0.0) if plan is None else plan.decision.promised_usd


def _holding_losses_usd(epoch: Epoch, history: History) -> Mapping[datetime, float | None]:
    """What positions lost up to each epoch since the one before that has a snapshot."""
    from alm_core.accounting.holding_loss import holding_loss_usd

    stored = history.read_payloads("pool_snapshots", epoch.pair, epoch.epoch_at - RECENT_WITHIN, epoch.epoch_at)
    seen = [snapshot_from(payload) for _, payload in stored]
    return {now.epoch_at: holding_loss_usd(before, now) for before, now in pairwise(seen)}


def _moved(report: ExecutionReport | None) -> bool:
    return report is None or any(t.state is IntentState.FINAL_OK for t in report.transactions)
