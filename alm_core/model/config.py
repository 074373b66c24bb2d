"""Configuration of strategy and limits, as plain values. Read from the environment in ``alm_resources.settings``."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyConfig:
    """Rules of the decision.

    Parameters
    ----------
    min_hold
        No discretionary RS or PRA sooner than this after the last one. Idle capital may always be placed.
    pra_threshold
        Relative APR improvement that a reallocation needs.
    min_apr_gain
        Absolute APR gain that a reallocation needs, fraction.
    max_positions
        Pools held at once on one chain.
    max_pool_share
        Share of a chain's capital that one pool may hold, 0..1.
    amortize_days
        Horizon over which a gain must pay for its costs.
    pra_cost_multiple, rs_cost_multiple
        Gain over the horizon must exceed this multiple of all costs.
    idle_threshold_frac
        Share of NAV lying idle from which placing it is worth a PRA.
    yield_window_epochs
        Epochs over which pool yields are measured from fee growth.
    lvr_weight
        Share of the expected loss versus rebalancing that is charged against fees, 0..1. At 1 capital stays idle
        where fees do not pay for LVR; below 1 the mandate values being invested.
    optimize
        Whether Nelder-Mead runs; otherwise the parameters in force stay.
    policy
        ``default``, or ``seed``: the reference's formulas.
    max_family_share, max_chain_share, max_issuer_share
        Share of all capital that one DEX family, one chain and tokens of one issuer may hold in positions, 0..1.
    exit_impact_frac, exit_impact_stable_frac
        Price impact that selling a whole position into its pool may have; caps the position.
    rewards_haircut_frac
        Part of a pool's reward yield that is not counted on, 0..1.
    compound_cost_multiple
        Income from added fees over the horizon must exceed this multiple of the cost.
    day_budget_frac
        Costs that discretionary actions may run up in 24 h, relative to NAV. Exits are not bound by it.
    bridging
        Whether capital may be sent from one chain to another.
    min_move_frac
        Less than this share of NAV is not sent.
    """

    min_hold: timedelta = timedelta(hours=12)
    pra_threshold: float = 0.05
    min_apr_gain: float = 0.005
    max_positions: int = 3
    max_pool_share: float = 0.7
    amortize_days: float = 7.0
    pra_cost_multiple: float = 1.5
    rs_cost_multiple: float = 2.0
    idle_threshold_frac: float = 0.05
    yield_window_epochs: int = 96
    lvr_weight: float = 1.0
    optimize: bool = True
    policy: Literal["default", "seed"] = "default"
    max_family_share: float = 1.0
    max_chain_share: float = 1.0
    max_issuer_share: float = 1.0
    exit_impact_frac: float = 0.02
    exit_impact_stable_frac: float = 0.005
    rewards_haircut_frac: float = 0.5
    compound_cost_multiple: float = 2.0
    day_budget_frac: float = 0.005
    bridging: bool = True
    min_move_frac: float = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsConfig:
    """Bounds of the choke point. Fail closed.

    Parameters
    ----------
    max_transaction_nav_frac
        Value one transaction may move, relative to the NAV on its chain.
    max_epoch_turnover_frac
        Value all transactions of an epoch may move, relative to NAV on the chain.
    max_gas_usd
        Fee of one transaction at its bid.
    max_price_deviation_frac, max_price_deviation_stable_frac
        Exchange price against pool price; beyond it nothing is placed or swapped.
    price_interval_frac, price_interval_stable_frac
        Half width of the price interval within which a mint or burn must still succeed.
    swap_slippage_frac, swap_slippage_stable_frac
        Shortfall of a swap's minimum against the independent price.
    min_swap_nav_frac
        A swap smaller than this share of the NAV on its chain is left out.
    deadline_s
        Life of a transaction on chain, seconds after its pinned block.
    receipt_timeout_s
        Wait for a receipt before the outcome counts as unknown.
    bridge_slippage_frac
        What may be missing of an amount that arrives on another chain, against the same asset sent.
    min_bridge_usd
        Less than this of a token is not sent to another chain.
    max_bridge_day_nav_frac
        Value sent to other chains within 24 h, relative to the NAV of all chains: a chain that is given up drains over
        days.
    bridge_overdue_s
        A transfer of which nothing has arrived for so long is a person's matter.
    """

    max_transaction_nav_frac: float = 1.0
    max_epoch_turnover_frac: float = 3.0
    max_gas_usd: float = 50.0
    max_price_deviation_frac: float = 0.01
    max_price_deviation_stable_frac: float = 0.002
    price_interval_frac: float = 0.005
    price_interval_stable_frac: float = 0.001
    swap_slippage_frac: float = 0.005
    swap_slippage_stable_frac: float = 0.001
    min_swap_nav_frac: float = 0.0005
    deadline_s: int = 120
    receipt_timeout_s: float = 120.0
    bridge_slippage_frac: float = 0.005
    min_bridge_usd: float = 20.0
    max_bridge_day_nav_frac: float = 0.2
    bridge_overdue_s: float = 14_400.0
