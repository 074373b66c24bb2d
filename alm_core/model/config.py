"""Configuration of strategy and limits, as plain values. Read from the environment in ``alm_resources.settings``."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

HYPER_EVM = 999
"""Chain id of HyperEVM."""


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
    """Bounds of the choke point and of the breakers. Fail closed. Why each default: docs/decisions/030-limits.md.

    A field named ``..._stable_frac`` holds where both tokens are stables, its twin without ``stable`` elsewhere. No
    file may be looser than :data:`alm_core.portfolio.limit_bounds.LIMIT_RULES` says.

    Parameters
    ----------
    max_transaction_nav_frac
        Value one transaction may move, relative to the NAV on its chain. A portfolio of one position must be able to
        move all of it.
    max_epoch_turnover_frac
        Value all transactions of an epoch may move, relative to NAV on the chain.
    max_day_spend_frac
        Value that leaves the wallet on one chain in 24 h, in flight included, relative to the NAV there.
    max_day_turnover_frac
        The same over all chains of the pair, relative to its whole NAV.
    max_day_bridge_frac
        Value sent to other chains in 24 h, relative to the pair's whole NAV: what one bridge can lose in a day.
    max_gas_usd, max_gas_cheap_usd
        Fee of one transaction at its bid, its L1 part included: on any chain, and on all but Ethereum. Exits are bound
        by the first only.
    max_gas_value_frac
        The same relative to the value that the plan places on the chain, or the transaction moves if that is more.
    max_gas_simulated_multiple
        Gas limit relative to what the simulation said.
    max_day_gas_usd
        Fees on one chain in 24 h, bids in flight included. What leaves is not bound by it.
    min_price_sources
        Exchanges that must agree on a minute for it to count; with fewer nothing is decided.
    max_price_deviation_frac, max_price_deviation_stable_frac
        Exchange price against pool price; beyond it nothing is placed or swapped.
    max_twap_deviation_frac, max_twap_deviation_stable_frac
        Pool price against the pool's own mean over its window, where its observations reach back that far. Where they
        do not, the mean is absent and only the exchange price judges.
    price_interval_frac, price_interval_stable_frac
        Half width of the price interval within which a mint or burn must still succeed.
    swap_slippage_frac, swap_slippage_stable_frac
        Shortfall of a swap's minimum against the independent price.
    max_price_impact_frac, max_price_impact_stable_frac
        Shortfall of what a quote expects against the independent price, fees included.
    max_bridge_loss_frac
        Part of a transfer's amount, in kind, that its guaranteed minimum may be short of.
    quote_max_age_s
        Time of the chain between a quote and the signature of what was quoted.
    deadline_s, deadline_slow_s
        Life of a transaction on chain, seconds after its pinned block; the second on HyperEVM, whose large blocks come
        once a minute.
    max_hour_loss_frac, max_hour_loss_stable_frac, max_day_loss_frac, max_day_loss_stable_frac
        NAV below what holding the tokens would be worth, over an hour and over 24 h; beyond it the wallet may only
        leave.
    max_drawdown_frac, max_drawdown_stable_frac
        Value of a share of the wallet below its peak of ``drawdown_days``, deposits and withdrawals apart.
    drawdown_days
        How far back the peak is looked for, days.
    depeg_freeze_frac, depeg_candles
        Distance of a stable from one USD at so many quarter hours in a row from which nothing is placed.
    depeg_leave_frac
        Distance below one USD from which, at once, the wallet may only leave until a person has looked.
    min_pool_tvl_usd, min_pool_volume_tvl, max_pool_volume_tvl, min_pool_age_days
        What a pool's figures must be for capital to enter; ``volume_tvl`` is 24 h volume over TVL. A figure that no
        service tells is not judged unless ``pool_figures_required``.
    pool_figures_required
        Whether a pool of which TVL or volume is not told is refused.
    max_pool_reverts_hour
        Reverted transactions in one pool, or of swaps on one chain, in an hour, after which nothing more is tried there
        but leaving.
    max_rebalances_hour
        Plans of an hour that close positions to open others.
    loosening_delay_h
        Hours until a looser limit of the file is in force. A stricter one is at once.
    min_swap_nav_frac
        A swap smaller than this share of the NAV on its chain is left out. No bound, but an economy.
    receipt_timeout_s
        Wait for a receipt before the outcome counts as unknown.
    min_bridge_usd
        Less than this of a token is not sent to another chain. No bound, but an economy.
    bridge_overdue_s
        A transfer of which nothing has arrived for so long is a person's matter.
    """

    max_transaction_nav_frac: float = 1.0
    max_epoch_turnover_frac: float = 3.0
    max_day_spend_frac: float = 6.0
    max_day_turnover_frac: float = 3.0
    max_day_bridge_frac: float = 0.2
    max_gas_usd: float = 50.0
    max_gas_cheap_usd: float = 5.0
    max_gas_value_frac: float = 0.02
    max_gas_simulated_multiple: float = 2.0
    max_day_gas_usd: float = 100.0
    min_price_sources: int = 3
    max_price_deviation_frac: float = 0.01
    max_price_deviation_stable_frac: float = 0.002
    max_twap_deviation_frac: float = 0.01
    max_twap_deviation_stable_frac: float = 0.001
    price_interval_frac: float = 0.005
    price_interval_stable_frac: float = 0.001
    swap_slippage_frac: float = 0.005
    swap_slippage_stable_frac: float = 0.001
    max_price_impact_frac: float = 0.003
    max_price_impact_stable_frac: float = 0.001
    max_bridge_loss_frac: float = 0.005
    quote_max_age_s: float = 15.0
    deadline_s: int = 120
    deadline_slow_s: int = 180
    max_hour_loss_frac: float = 0.02
    max_hour_loss_stable_frac: float = 0.01
    max_day_loss_frac: float = 0.05
    max_day_loss_stable_frac: float = 0.02
    max_drawdown_frac: float = 0.3
    max_drawdown_stable_frac: float = 0.05
    drawdown_days: int = 30
    depeg_freeze_frac: float = 0.005
    depeg_candles: int = 3
    depeg_leave_frac: float = 0.02
    min_pool_tvl_usd: float = 250_000.0
    min_pool_volume_tvl: float = 0.01
    max_pool_volume_tvl: float = 20.0
    min_pool_age_days: float = 30.0
    pool_figures_required: bool = False
    max_pool_reverts_hour: int = 2
    max_rebalances_hour: int = 2
    loosening_delay_h: float = 24.0
    min_swap_nav_frac: float = 0.0005
    receipt_timeout_s: float = 120.0
    min_bridge_usd: float = 20.0
    bridge_overdue_s: float = 14_400.0

    def deadline_on_s(self, chain_id: int) -> int:
        """Life of a transaction on a chain, seconds."""
        return self.deadline_slow_s if chain_id == HYPER_EVM else self.deadline_s
