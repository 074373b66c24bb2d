"""How loose a limit may be made at all, and which way is stricter. What a file says is held against this."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

from alm_core.model.config import LimitsConfig
from alm_core.portfolio.violations import Violation

Side = Literal["lower", "higher"]
AnyClass = Literal["stable", "volatile", "any"]
Number = float | int


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRule:
    """One limit.

    Parameters
    ----------
    stricter
        Whether a ``lower`` or a ``higher`` value is stricter.
    loosest
        Hard ceiling (or floor, where higher is stricter) in code.
    asset_class
        Of the pairs it holds for.
    unit
        For people.
    """

    stricter: Side
    loosest: Number
    asset_class: AnyClass
    unit: str

    def stricter_of(self, values: Sequence[Number]) -> Number:
        """Return the strictest of some values."""
        return min(values) if self.stricter == "lower" else max(values)

    def allows(self, value: Number) -> bool:
        """Whether a value is not looser than the ceiling."""
        return value <= self.loosest if self.stricter == "lower" else value >= self.loosest


def _at_most(loosest: Number, unit: str, asset_class: AnyClass = "any") -> LimitRule:
    return LimitRule(stricter="lower", loosest=loosest, asset_class=asset_class, unit=unit)


def _at_least(loosest: Number, unit: str) -> LimitRule:
    return LimitRule(stricter="higher", loosest=loosest, asset_class="any", unit=unit)


def _by_class(name: str, volatile: Number, stable: Number, unit: str) -> dict[str, LimitRule]:
    twin = name.replace("_frac", "_stable_frac")
    return {name: _at_most(volatile, unit, "volatile"), twin: _at_most(stable, unit, "stable")}


LIMIT_RULES: dict[str, LimitRule] = {
    "max_transaction_nav_frac": _at_most(1.0, "of the chain's NAV"),
    "max_epoch_turnover_frac": _at_most(3.0, "of the chain's NAV"),
    "max_day_spend_frac": _at_most(24.0, "of the chain's NAV in 24 h"),
    "max_day_turnover_frac": _at_most(12.0, "of the pair's NAV in 24 h"),
    "max_day_bridge_frac": _at_most(1.0, "of the pair's NAV in 24 h"),
    "max_gas_usd": _at_most(200.0, "USD"),
    "max_gas_cheap_usd": _at_most(25.0, "USD"),
    "max_gas_value_frac": _at_most(0.05, "of the value placed"),
    "max_gas_simulated_multiple": _at_most(3.0, "times the simulation"),
    "max_day_gas_usd": _at_most(1_000.0, "USD in 24 h"),
    "min_price_sources": _at_least(2, "exchanges"),
    **_by_class("max_price_deviation_frac", 0.03, 0.01, "of the exchange price"),
    **_by_class("max_twap_deviation_frac", 0.03, 0.01, "of the pool's mean price"),
    **_by_class("price_interval_frac", 0.02, 0.005, "of the pool price"),
    **_by_class("swap_slippage_frac", 0.02, 0.005, "of the fair amount"),
    **_by_class("max_price_impact_frac", 0.02, 0.005, "of the fair amount"),
    "max_bridge_loss_frac": _at_most(0.02, "of the amount sent"),
    "quote_max_age_s": _at_most(60.0, "s"),
    "deadline_s": _at_most(600, "s"),
    "deadline_slow_s": _at_most(600, "s"),
    **_by_class("max_hour_loss_frac", 0.1, 0.03, "of holding"),
    **_by_class("max_day_loss_frac", 0.2, 0.05, "of holding"),
    **_by_class("max_drawdown_frac", 0.6, 0.15, "of the peak"),
    "drawdown_days": _at_least(7, "days"),
    "depeg_freeze_frac": _at_most(0.02, "of one USD"),
    "depeg_candles": _at_most(8, "quarter hours"),
    "depeg_leave_frac": _at_most(0.05, "of one USD"),
    "min_pool_tvl_usd": _at_least(50_000.0, "USD"),
    "min_pool_volume_tvl": _at_least(0.0, "24 h volume over TVL"),
    "max_pool_volume_tvl": _at_most(100.0, "24 h volume over TVL"),
    "min_pool_age_days": _at_least(1.0, "days"),
    "pool_figures_required": _at_least(0, "0 or 1"),
    "max_pool_reverts_hour": _at_most(5, "reverts"),
    "max_rebalances_hour": _at_most(4, "plans"),
    "loosening_delay_h": _at_least(1.0, "h"),
}
"""Every limit. Fields of :class:`LimitsConfig` that are not here bound nothing."""


def too_loose(config: LimitsConfig, where: str) -> tuple[Violation, ...]:
    """Return every limit that is looser than its ceiling, with value and ceiling."""
    return tuple(
        Violation(limit=name, bound=f"{rule.loosest:.6g} {rule.unit}", value=f"{value:.6g}", where=where)
        for name, rule in LIMIT_RULES.items()
        if not rule.allows(value := limit_value(config, name))
    )


def strictest(configs: Sequence[LimitsConfig], latest: LimitsConfig) -> LimitsConfig:
    """Return, limit by limit, the strictest of some configurations; what bounds nothing comes from the latest."""
    chosen = {field.name: getattr(latest, field.name) for field in fields(LimitsConfig)}
    for name, rule in LIMIT_RULES.items():
        values = [limit_value(config, name) for config in (*configs, latest)]
        chosen[name] = type(getattr(latest, name))(rule.stricter_of(values))
    return LimitsConfig(**chosen)


def limit_value(config: LimitsConfig, name: str) -> Number:
    """Return a limit's value by name."""
    value: Number = getattr(config, name)
    return value
