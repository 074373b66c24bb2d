"""What a range of ours is expected to earn, and whether moving it pays: one set of formulas, live and simulated.

Compiled and without objects, so that a decision of :mod:`alm_core.portfolio` and a step of the minute simulator are the
same arithmetic.
"""

import math

from alm_core.forces.compiled import compiled
from alm_core.ranges.position import (
    EPOCH_WAIT_YEARS,
    concentration,
    lvr_rate,
    occupancy,
    residence_years,
)


@compiled
def care_of_range(rate_apr: float, residence: float, horizon: float, shift_cost_frac: float) -> tuple[float, float]:
    r"""Return ``(held_frac, upkeep_apr)`` of the better way to hold a range placed now.

    Parameters
    ----------
    rate_apr
        Net rate of a small position per year while the price is inside.
    residence
        Expected years until the price first leaves the range.
    horizon
        Years over which an action is judged.
    shift_cost_frac
        Cost of shifting the range once, relative to its capital.

    Notes
    -----
    Left alone it earns for the occupied share of the horizon and costs nothing; shifted at each exit it earns for
    :math:`T/(T+D)` of the time and costs :math:`k/(T+D)` per year, as :func:`alm_core.ranges.position.standing_rate`.
    """
    alone = occupancy(residence, horizon)
    if residence == 0.0 or math.isinf(residence):
        return alone, 0.0
    cycle = residence + EPOCH_WAIT_YEARS
    held, upkeep = residence / cycle, shift_cost_frac / cycle
    if rate_apr * held - upkeep > rate_apr * alone:
        return held, upkeep
    return alone, 0.0


@compiled
def fresh_income(own: float, capital: float, per_active: float, care: tuple[float, float]) -> float:
    """Return the yearly net income of capital placed now.

    ``own`` is the full-range value of its liquidity, ``per_active`` the net yearly rate of such value in the pool.
    """
    return own * per_active * care[0] - capital * care[1]


@compiled
def held_income(
    own: float, again: float, capital: float, per_active: float, first: float, care: tuple[float, float]
) -> float:
    """Return the yearly net income of a position that stays: as it is until the first exit, then as if placed anew.

    Parameters
    ----------
    own, again
        Full-range value of its liquidity now, and placed anew.
    capital
        Its value.
    per_active
        Net yearly rate of full-range value in the pool.
    first
        Share of the horizon before the price first leaves it.
    care
        How the range it would be placed in anew is held (:func:`care_of_range`).
    """
    return first * own * per_active + (1.0 - first) * max(0.0, fresh_income(again, capital, per_active, care))


@compiled
def active_value(price: float, lower: float, upper: float, capital: float) -> float:
    """Return the full-range value of a position's liquidity: 0 where the price is not inside."""
    if not lower < price < upper:
        return 0.0
    return capital * concentration(price, lower, upper)


@compiled
def target_care(
    price: float, target: tuple[float, float], pool: tuple[float, float], outlook: tuple[float, float, float, float]
) -> tuple[float, float]:
    """Return :func:`care_of_range` of a range that would be placed now, judged for a small position.

    Parameters are those of :func:`shift_incomes`.
    """
    sigma, horizon, lvr_weight, shift_cost = outlook
    residence = residence_years(price, target[0], target[1], sigma)
    rate = concentration(price, target[0], target[1]) * (pool[0] / pool[1] - lvr_weight * lvr_rate(sigma))
    return care_of_range(rate, residence, horizon, shift_cost)


@compiled
def shift_incomes(
    price: float,
    held: tuple[float, float],
    target: tuple[float, float],
    standing: float,
    capital: float,
    pool: tuple[float, float],
    outlook: tuple[float, float, float, float],
) -> tuple[float, float]:
    """Return the yearly net income of a position if its capital were placed in ``target``, and as it stands.

    Parameters
    ----------
    price
        Quote per base.
    held, target
        Bounds now and then. A held range without width earns nothing: capital that lies idle.
    standing, capital
        Value of the position without and with the fees that were not collected, in the unit of ``pool``: those earn
        nothing until they are placed.
    pool
        ``(fees, active)``: fees per year and full-range value of others' active liquidity, above zero.
    outlook
        ``(sigma_annual_frac, horizon_years, lvr_weight, shift_cost_frac)``.

    Notes
    -----
    ``pool_income_usd`` of :mod:`alm_core.portfolio.placements` after and before, for a pool with one position of ours.
    """
    sigma, horizon, lvr_weight, _ = outlook
    fees, active = pool
    lvr_apr = lvr_weight * lvr_rate(sigma)
    care = target_care(price, target, pool, outlook)
    again = active_value(price, target[0], target[1], capital)
    after = fresh_income(again, capital, fees / (active + again) - lvr_apr, care)
    own = active_value(price, held[0], held[1], standing)
    if own == 0.0:
        return after, 0.0
    first = occupancy(residence_years(price, held[0], held[1], sigma), horizon)
    again = active_value(price, target[0], target[1], standing)
    return after, held_income(own, again, standing, fees / (active + own) - lvr_apr, first, care)
