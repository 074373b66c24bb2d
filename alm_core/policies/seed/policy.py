"""The seed policy: the reference system's strategy, defects included, behind the protocol of every policy."""

from dataclasses import dataclass

from alm_core.model.candles import CandleSeries
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.decisions import AllocationPlan
from alm_core.model.epochs import Epoch
from alm_core.model.market import MarketSnapshot
from alm_core.model.past import PastEpochs
from alm_core.model.signals import ForceSignals, OptimizedRange
from alm_core.policies.seed.plan import POLICY, seed_plan
from alm_core.policies.seed.search import seed_range
from alm_core.policies.seed.signals import seed_signals


@dataclass(frozen=True, slots=True)
class SeedPolicy:
    """Satisfies :class:`alm_core.policies.policy.Policy`."""

    name: str = POLICY

    def force_signals(self, epoch: Epoch, series: CandleSeries) -> ForceSignals:
        """See :func:`alm_core.policies.seed.signals.seed_signals`."""
        return seed_signals(epoch, series)

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
        """See :func:`alm_core.policies.seed.search.seed_range`."""
        return seed_range(epoch, series, signals, snapshot, past, previous, config)

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
        """See :func:`alm_core.policies.seed.plan.seed_plan`."""
        return seed_plan(epoch, signals, optimized, snapshot, past, config, limits, code_version, config_version)
