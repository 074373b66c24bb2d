"""The form every policy has: three pure functions, one for each asset that thinks."""

from typing import Protocol

from alm_core.model.candles import CandleSeries
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.decisions import AllocationPlan
from alm_core.model.epochs import Epoch
from alm_core.model.errors import ConfigError
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


def policy_named(name: str) -> Policy:
    """Return the policy of a name, as ``StrategyConfig.policy`` has it.

    Imported on demand: a policy brings its compiled kernels.

    Raises
    ------
    ConfigError
        If there is no such policy.

    Examples
    --------
    >>> policy_named("seed").name
    'seed'
    """
    if name == "default":
        from alm_core.policies.default import DefaultPolicy

        return DefaultPolicy()
    if name == "seed":
        from alm_core.policies.seed.policy import SeedPolicy

        return SeedPolicy()
    raise ConfigError(f"policy {name!r} is not known; there are: default, seed")
