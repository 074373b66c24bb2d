"""Gates and costs of a simulated position, as the live decision has them."""

import math
from dataclasses import dataclass, fields

from alm_core.model.config import StrategyConfig
from alm_core.model.errors import InvalidInput
from alm_core.model.market import ChainState, PoolState
from alm_core.portfolio.costs import (
    APPROVALS_PER_OPEN,
    APPROVALS_PER_SWAP,
    GAS_APPROVAL,
    GAS_ROUTING,
    gas_units,
    gas_usd,
)
from alm_core.ranges.venue import DAYS_PER_YEAR, bars_of
from alm_core.simulation.minute_policy import Charges, Gates

IMPACT_PER_DEPTH = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MinuteCosts:
    """What acting costs, in quote.

    Parameters
    ----------
    swap_fee_frac
        Fee per value swapped.
    impact
        Move of the average price per share of the active liquidity that is swapped: 2 by :math:`2 S / A`
        (:func:`alm_core.portfolio.costs.swap_cost_frac`), 0 for none.
    gas_open, gas_close, gas_swap
        Gas of each step.
    """

    swap_fee_frac: float
    impact: float = IMPACT_PER_DEPTH
    gas_open: float = 0.0
    gas_close: float = 0.0
    gas_swap: float = 0.0

    @property
    def problem(self) -> str:
        """Which figure cannot be true; empty if all can."""
        if self.swap_fee_frac >= 1.0:
            return f"swap_fee_frac {self.swap_fee_frac} leaves nothing"
        return _not_amounts(self)

    @property
    def charges(self) -> Charges:
        """As compiled code takes them."""
        return Charges(
            float(self.swap_fee_frac),
            float(self.impact),
            float(self.gas_open),
            float(self.gas_close),
            float(self.gas_swap),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The gates of the live decision, for one position.

    Parameters
    ----------
    min_hold_quarters
        Quarter hours after an action before one that is not urgent.
    horizon_years
        Horizon over which an action must pay.
    cost_multiple
        Gain of a shift must exceed this multiple of its cost.
    lvr_weight
        Share of LVR charged against fees.
    yield_window
        Quarter hours over which the pool's fees are measured.
    share_frac
        Share of the capital that is placed, 0..1.
    place_multiple
        As ``cost_multiple``, for placing idle capital and for taking it out.
    min_apr_gain
        Least loss per year, relative to all capital, from which a position is taken out.
    may_idle
        Whether capital stays or becomes idle where fees do not pay for LVR. Otherwise it is placed at the first quarter
        hour with forces and stays placed.
    """

    min_hold_quarters: int
    horizon_years: float
    cost_multiple: float
    lvr_weight: float = 1.0
    yield_window: int = 96
    share_frac: float = 1.0
    place_multiple: float = 1.5
    min_apr_gain: float = 0.005
    may_idle: bool = True

    @property
    def problem(self) -> str:
        """Which figure cannot be true; empty if all can."""
        if self.horizon_years == 0.0 or self.yield_window < 1 or not 0.0 < self.share_frac <= 1.0:
            return (
                f"horizon_years {self.horizon_years} and yield_window {self.yield_window} must be above zero and "
                f"share_frac {self.share_frac} in (0, 1]"
            )
        return _not_amounts(self)

    @property
    def gates(self) -> Gates:
        """As compiled code takes them."""
        return Gates(
            self.min_hold_quarters,
            float(self.horizon_years),
            float(self.cost_multiple),
            float(self.lvr_weight),
            self.yield_window,
            float(self.share_frac),
            float(self.place_multiple),
            float(self.min_apr_gain),
            self.may_idle,
        )


def rule_from_config(config: StrategyConfig, *, share_frac: float = 1.0, may_idle: bool = True) -> Rule:
    """Return the gates that a configuration sets for live decisions."""
    return Rule(
        min_hold_quarters=bars_of(config.min_hold),
        horizon_years=config.amortize_days / DAYS_PER_YEAR,
        cost_multiple=config.rs_cost_multiple,
        lvr_weight=config.lvr_weight,
        yield_window=config.yield_window_epochs,
        share_frac=share_frac,
        place_multiple=config.pra_cost_multiple,
        min_apr_gain=config.min_apr_gain,
        may_idle=may_idle,
    )


def costs_on_chain(chain: ChainState, state: PoolState, quote_usd: float) -> MinuteCosts:
    """Return what acting in a pool costs at a chain's present fees, in quote: the figures of the live decision.

    Raises
    ------
    InvalidInput
        If the native token's or the quote token's USD price is not positive, or the family's gas was never measured.
    """
    if not (math.isfinite(quote_usd) and quote_usd > 0.0):
        raise InvalidInput(f"quote_usd {quote_usd} of pool {state.pool.pool_id} is not a positive number")
    units = gas_units(state.pool.family)
    swap = units.swap + GAS_ROUTING + APPROVALS_PER_SWAP * GAS_APPROVAL
    return MinuteCosts(
        swap_fee_frac=state.fee_pips / 1e6,
        gas_open=gas_usd(chain, units.open + APPROVALS_PER_OPEN * GAS_APPROVAL) / quote_usd,
        gas_close=gas_usd(chain, units.close) / quote_usd,
        gas_swap=gas_usd(chain, swap) / quote_usd,
    )


def _not_amounts(row: MinuteCosts | Rule) -> str:
    for named in fields(row):
        value = getattr(row, named.name)
        if not (math.isfinite(value) and value >= 0):
            return f"{named.name} {value} is not a finite number from 0 up"
    return ""
