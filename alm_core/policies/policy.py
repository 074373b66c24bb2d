"""The form every policy has: three pure functions, one for each asset that thinks."""

from typing import Protocol

from alm_core.model.candles import CandleSeries
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.decisions import AllocationPlan
from alm_core.model.epochs import Epoch
from alm_core.model.market import MarketSnapshot
from alm_core.model.past import PastEpochs
from alm_core.model.signals import ForceSignals, OptimizedRange


class Policy(Protocol):
    """A strategy. Same inputs, same answers, byte for byte; no clock, no state, nothing from outside."""

    @property
    def name(self) -> str:
        """Recorded in every plan."""
        ...

    def force_signals(self, epoch: Epoch, series: CandleSeries) -> ForceSignals:
        """Return what the candles before the epoch say."""
        ...

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
        """Return the range parameters in force and the range they give."""
        ...

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
        """Return targets, decision with reasons, and what to close and open."""
        ...
