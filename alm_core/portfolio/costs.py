"""What moving capital costs: gas at the chain's own fees, swap fees and price impact. No action is free here."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from alm_core.model.errors import InvalidInput
from alm_core.model.market import ChainState, PoolState
from alm_core.portfolio.valuation import Prices, full_range_usd

WEI = 10**18


@dataclass(frozen=True, slots=True, kw_only=True)
class GasUnits:
    """Gas of one family's actions, measured on its real contracts."""

    open: int
    swap: int
    close: int


# mint / swap / collect + decrease + burn
GAS_BY_FAMILY = {"uniswap_v3": GasUnits(open=433_000, swap=101_000, close=202_000 + 152_000 + 70_000)}
GAS_ROUTING = 150_000
"""What an aggregator's router adds to a pool's swap."""
GAS_APPROVAL = 48_000
APPROVALS_PER_OPEN, APPROVALS_PER_SWAP = 4, 2
"""Exact approvals, and their reset to zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Cost of a set of actions on one chain."""

    gas_usd: float
    swap_usd: float
    swapped_usd: float

    @property
    def total_usd(self) -> float:
        """Gas and swap."""
        return self.gas_usd + self.swap_usd

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            gas_usd=self.gas_usd + other.gas_usd,
            swap_usd=self.swap_usd + other.swap_usd,
            swapped_usd=self.swapped_usd + other.swapped_usd,
        )


SWAPPED_PER_SHIFT_FRAC = 0.5
"""A range that the price has left is all in one token: half of it is swapped to place it around the price again."""

NO_COST = Cost(gas_usd=0.0, swap_usd=0.0, swapped_usd=0.0)


def gas_units(family: str) -> GasUnits:
    """Return the measured gas of a family.

    Raises
    ------
    InvalidInput
        If the family was never measured: an unknown cost is not zero.
    """
    if family not in GAS_BY_FAMILY:
        raise InvalidInput(f"gas of DEX family {family!r} was never measured; known: {sorted(GAS_BY_FAMILY)}")
    return GAS_BY_FAMILY[family]


def gas_usd(chain: ChainState, units: int) -> float:
    """Return the price of an amount of gas at the pinned block's fees.

    Raises
    ------
    InvalidInput
        If the native token's USD price is not positive.
    """
    if not (math.isfinite(chain.native_usd) and chain.native_usd > 0):
        raise InvalidInput(f"chain {chain.block.chain_id}: native_usd {chain.native_usd} is not a positive number")
    return units * (chain.base_fee_wei + chain.priority_fee_wei) / WEI * chain.native_usd


def swap_cost_frac(states: Sequence[PoolState], swapped_usd: float, prices: Prices) -> float:
    r"""Return fee plus price impact of a swap in the cheapest of a chain's pools, as a fraction.

    Notes
    -----
    Selling :math:`S` into liquidity worth :math:`A = 2 L \sqrt P` moves the average price by :math:`2 S / A`.

    Raises
    ------
    InvalidInput
        If no pool has liquidity.
    """
    depths = [(state, full_range_usd(state, state.liquidity, prices)) for state in states]
    costs = [state.fee_pips / 1e6 + 2.0 * swapped_usd / depth for state, depth in depths if depth > 0.0]
    if not costs:
        raise InvalidInput("no pool with liquidity to swap in")
    return min(costs)


def move_cost(
    chain: ChainState,
    states: Sequence[PoolState],
    prices: Prices,
    *,
    closed: Sequence[str],
    opened: Sequence[str],
    swapped_usd: float,
) -> Cost:
    """Return the cost of closing, swapping once and opening on one chain.

    Parameters
    ----------
    chain
        Fees and native price.
    states
        Pools of the chain.
    prices
        USD prices.
    closed, opened
        DEX family of every position closed or opened.
    swapped_usd
        Value to be swapped in between; 0 for none.
    """
    if not closed and not opened:
        return NO_COST
    units = sum(gas_units(family).close for family in closed)
    units += sum(gas_units(family).open + APPROVALS_PER_OPEN * GAS_APPROVAL for family in opened)
    if swapped_usd <= 0.0:
        return Cost(gas_usd=gas_usd(chain, units), swap_usd=0.0, swapped_usd=0.0)
    units += max(gas_units(state.pool.family).swap for state in states) + GAS_ROUTING
    units += APPROVALS_PER_SWAP * GAS_APPROVAL
    swap_usd = swapped_usd * swap_cost_frac(states, swapped_usd, prices)
    return Cost(gas_usd=gas_usd(chain, units), swap_usd=swap_usd, swapped_usd=swapped_usd)


def shift_cost(chain: ChainState, states: Sequence[PoolState], prices: Prices, capital_usd: float) -> Cost:
    """Return the cost of shifting one position of a chain to around the price, after the price has left it.

    Raises
    ------
    InvalidInput
        If the chain has no pool with liquidity.
    """
    live = [state for state in states if state.liquidity > 0]
    if not live:
        raise InvalidInput(f"chain {chain.block.chain_id} has no pool with liquidity")
    family = live[0].pool.family
    swapped_usd = capital_usd * SWAPPED_PER_SHIFT_FRAC
    return move_cost(chain, live, prices, closed=(family,), opened=(family,), swapped_usd=swapped_usd)
