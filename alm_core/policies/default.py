"""The default policy: ours. Each step is a plain function of its own module; this ties them together."""

from dataclasses import dataclass

from alm_core.forces.signals import compute_force_signals
from alm_core.model.candles import CandleSeries
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.decisions import AllocationPlan
from alm_core.model.epochs import Epoch
from alm_core.model.market import MarketSnapshot
from alm_core.model.past import PastEpochs
from alm_core.model.signals import ForceSignals, OptimizedRange
from alm_core.portfolio.decision import POLICY, plan_allocation
from alm_core.portfolio.fee_window import FeeWindow
from alm_core.ranges.optimizer import optimize_range


@dataclass(frozen=True, slots=True)
class DefaultPolicy:
    """Satisfies :class:`alm_core.policies.policy.Policy`.

    Parameters
    ----------
    explains, window
        As in :func:`alm_core.portfolio.decision.plan_allocation`: backtests decide the same without the one and with
        the other.
    """

    name: str = POLICY
    explains: bool = True
    window: FeeWindow | None = None

    def force_signals(self, epoch: Epoch, series: CandleSeries) -> ForceSignals:
        """See :func:`alm_core.forces.signals.compute_force_signals`."""
        return compute_force_signals(epoch, series)

    def optimized_range(
        self,
        epoch: Epoch,
        series: CandleSeries,
        signals: ForceSignals,
        snapshot: MarketSnapshot,
        past: PastEpochs,
        previous: OptimizedRange | None,
        config: StrategyConfig,
    ) -> OptimizedRange:
        """See :func:`alm_core.ranges.optimizer.optimize_range`."""
        return optimize_range(
            epoch, series, signals, snapshot, previous, config, past_snapshots=past.snapshots, recent=past.recent
        )

    def allocation(
        self,
        epoch: Epoch,
        signals: ForceSignals,
        optimized: OptimizedRange,
        snapshot: MarketSnapshot,
        past: PastEpochs,
        config: StrategyConfig,
        limits: LimitsConfig,
        code_version: str,
        config_version: str,
    ) -> AllocationPlan:
        """See :func:`alm_core.portfolio.decision.plan_allocation`."""
        return plan_allocation(
            epoch,
            signals,
            optimized,
            snapshot,
            past,
            config,
            limits,
            code_version,
            config_version,
            explains=self.explains,
            window=self.window,
        )
