"""What an epoch's decision is bound by beside the market: configuration, minimum hold, regime, payback."""

from dataclasses import dataclass
from datetime import timedelta

from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.epochs import Epoch
from alm_core.model.market import MarketSnapshot, SwapCost
from alm_core.model.past import PastEpochs
from alm_core.model.signals import OptimizedRange, RegimeState
from alm_core.portfolio.payback import payback_factor

RESTRAINING = frozenset({RegimeState.SUPPRESS, RegimeState.STOP_ADDING})
"""Regimes in which nothing is opened: closing and opening again is adding, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Rules of one epoch.

    Parameters
    ----------
    config
        Thresholds and multiples as configured.
    rs_threshold
        Divergence from which a range is shifted.
    held_long
        Whether the minimum hold is over.
    widening
        Whether the regime asks for wider ranges.
    restraint
        Gate that forbids everything but an exit; empty where there is none.
    payback
        What multiples of cost are raised by, at least 1 (:func:`alm_core.portfolio.payback.payback_factor`).
    min_swap_frac
        A swap of less than this share of a chain's NAV is left out by the execution.
    swap_costs
        Live quotes, at most one per chain.
    """

    config: StrategyConfig
    rs_threshold: float
    held_long: bool
    widening: bool = False
    restraint: str = ""
    payback: float = 1.0
    min_swap_frac: float = 0.0
    swap_costs: tuple[SwapCost, ...] = ()

    def quote(self, chain_id: int) -> SwapCost | None:
        """Return the live quote for a chain, if there is one."""
        return next((one for one in self.swap_costs if one.chain_id == chain_id), None)

    def cost_gate(self, gain_usd: float, cost_usd: float, multiple: float, name: str) -> str:
        """Return the gate's name unless the gain exceeds the multiple of the cost that is asked for now."""
        return "" if gain_usd > multiple * self.payback * cost_usd else name


def rules_of(
    epoch: Epoch,
    optimized: OptimizedRange,
    snapshot: MarketSnapshot,
    past: PastEpochs,
    config: StrategyConfig,
    limits: LimitsConfig,
) -> Rules:
    """Return the rules of an epoch."""
    last = past.last_rebalance_at
    return Rules(
        config=config,
        rs_threshold=optimized.params.rs_threshold,
        held_long=last is None or epoch.epoch_at - last >= config.min_hold,
        widening=optimized.regime.state is RegimeState.WIDEN,
        restraint=restraint_of(optimized),
        payback=payback_factor(past.recent, timedelta(days=config.amortize_days)),
        min_swap_frac=limits.min_swap_nav_frac,
        swap_costs=snapshot.swap_costs,
    )


def restraint_of(optimized: OptimizedRange) -> str:
    """Return the gate that regime or kill switches put before every action but an exit; empty where there is none."""
    if optimized.regime.state in RESTRAINING:
        return f"regime_{optimized.regime.state.value}"
    return f"kill_switch: {'; '.join(optimized.kill_switches)}" if optimized.kill_switches else ""
