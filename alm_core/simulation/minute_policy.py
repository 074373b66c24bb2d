"""One quarter hour of the default policy for one position: the live rule, compiled."""

import math
from typing import NamedTuple

from alm_core.forces.compiled import compiled
from alm_core.model.candles import FloatArray, IntArray
from alm_core.portfolio.costs import SWAPPED_PER_SHIFT_FRAC
from alm_core.ranges.income import shift_incomes
from alm_core.ranges.position import base_share, lvr_rate
from alm_core.ranges.range import bounds_divergence, half_width_frac, range_bounds
from alm_core.simulation.minute_book import (
    HIGH_ROOT,
    IDLE_BASE,
    IDLE_QUOTE,
    LIQUIDITY,
    LOW_ROOT,
    OWED_BASE,
    OWED_QUOTE,
    inside,
    net_value,
    position_amounts,
)
from alm_core.simulation.minute_ticks import LOG_TICK, Grid, bounds_at, enclosing_ticks

HOLD, SHIFT, OPEN, WITHDRAW = 0, 1, 2, 3


class Known(NamedTuple):
    """What the strategy knows at a quarter-hour close; NaN where no timeframe was warm."""

    volatility: float
    bias: float
    sigma: float


class Charges(NamedTuple):
    """What acting costs, see :class:`alm_core.simulation.minute_run.MinuteCosts`."""

    swap_fee_frac: float
    impact: float
    gas_open: float
    gas_close: float
    gas_swap: float


class Gates(NamedTuple):
    """The rule, see :class:`alm_core.simulation.minute_run.Rule`."""

    min_hold: int
    horizon_years: float
    cost_multiple: float
    lvr_weight: float
    yield_window: int
    share: float
    place_multiple: float
    min_apr_gain: float
    may_idle: bool


@compiled
def policy_target(
    price: float,
    known: Known,
    params: tuple[float, float, float, float, float],
    grid: Grid,
) -> tuple[int, int]:
    """Return the ticks of the range that the forces ask for.

    ``params`` are those of :class:`alm_core.model.signals.RangeParams` in their order.
    """
    lower, upper = policy_bounds(price, known, params)
    return enclosing_ticks(lower, upper, grid)


@compiled
def policy_bounds(price: float, known: Known, params: tuple[float, float, float, float, float]) -> tuple[float, float]:
    """Return the price bounds that the forces ask for, before they are rounded to ticks."""
    width = half_width_frac(known.volatility, params[0], params[1], params[2], params[3])
    return range_bounds(price, width, known.bias)


@compiled
def _surely_fits(held: tuple[float, float], wanted: tuple[float, float], threshold: float, grid: Grid) -> bool:
    """Return whether a range fits whichever way the wanted bounds are rounded; saves their logarithms.

    Rounding moves each bound outwards by less than a spacing: the width by the sum, the middle by half the greater.
    """
    step = math.expm1((grid.tick_spacing + 1) * LOG_TICK)
    slack = 1.5 * step * (wanted[0] + wanted[1]) / (held[1] - held[0])
    return bounds_divergence(held[0], held[1], wanted[0], wanted[1]) + slack < threshold


@compiled
def swap_needed(base: float, quote: float, capital: float, base_frac: float) -> float:
    """Return the value to be swapped before capital fits a range; ``base`` and ``quote`` are values at hand."""
    return max(0.0, capital * base_frac - base, capital * (1.0 - base_frac) - quote)


@compiled
def swap_frac(swapped: float, depth: float, costs: Charges) -> float:
    r"""Return fee and own impact of a swap as a fraction of its value, at most 1.

    Selling :math:`S` into liquidity worth :math:`A = 2 L \sqrt P` moves the average price by ``impact`` = 2 times
    :math:`S / A` (:func:`alm_core.portfolio.costs.swap_cost_frac`).
    """
    if costs.impact == 0.0:
        return min(1.0, costs.swap_fee_frac)
    return min(1.0, costs.swap_fee_frac + costs.impact * swapped / depth) if depth > 0.0 else 1.0


@compiled
def move_price(swapped: float, depth: float, costs: Charges, gas: float) -> float:
    """Return the cost of a move: ``gas`` of closing and opening, and gas, fee and impact of a swap if there is one."""
    if swapped <= 0.0:
        return gas
    return gas + costs.gas_swap + swapped * swap_frac(swapped, depth, costs)


@compiled
def upkeep_once(nav: float, depth: float, costs: Charges) -> float:
    """Return the cost of shifting once after the price has left, relative to all capital."""
    return move_price(nav * SWAPPED_PER_SHIFT_FRAC, depth, costs, costs.gas_open + costs.gas_close) / nav


@compiled
def policy_step(
    root: float,
    tick: int,
    book: FloatArray,
    ticks: IntArray,
    pool: tuple[float, float],
    known: Known,
    params: tuple[float, float, float, float, float],
    rule: Gates,
    costs: Charges,
    grid: Grid,
    held_for: int,
) -> tuple[int, int, int]:
    """Return ``(action, tick_lower, tick_upper)`` of a quarter hour; HOLD where anything it needs is unknown.

    Parameters
    ----------
    root, tick
        Square root of the price, and the tick.
    book, ticks
        State; not changed.
    pool
        ``(fees, active)``: fees per year over the window, and the full-range value of others' active liquidity.
    known, params, rule, costs, grid
        Forces, parameters in force, gates, what acting costs, and the pool's ticks.
    held_for
        Quarter hours since the last action.
    """
    if math.isnan(known.volatility + known.bias + known.sigma) or not pool[1] > 0.0 or not net_value(book, root) > 0.0:
        return HOLD, 0, 0
    price = root * root
    if book[LIQUIDITY] == 0.0:
        return _open(price, book, pool, known, params, rule, costs, grid)
    in_range = inside(tick, ticks)
    if in_range and held_for < rule.min_hold:
        return HOLD, 0, 0
    held = (book[LOW_ROOT] ** 2, book[HIGH_ROOT] ** 2)
    may_withdraw = in_range and rule.may_idle and _loses(root, book, pool, known.sigma, rule)
    if in_range and not may_withdraw and _surely_fits(held, policy_bounds(price, known, params), params[4], grid):
        return HOLD, 0, 0
    lower, upper = policy_target(price, known, params, grid)
    target = bounds_at(lower, upper, grid)
    far = not in_range or bounds_divergence(held[0], held[1], target[0], target[1]) > params[4]
    misfit = far and not (lower == ticks[0] and upper == ticks[1])
    if not misfit and not may_withdraw:
        return HOLD, 0, 0
    gain, now, cost = _shift_worth(root, in_range, book, held, target, pool, known.sigma, rule, costs)
    pays = misfit and gain * rule.horizon_years > max(1.0, rule.cost_multiple) * cost
    kept = -now * rule.horizon_years
    loses = may_withdraw and -now >= rule.min_apr_gain * net_value(book, root)
    leaves = loses and kept > max(1.0, rule.place_multiple) * costs.gas_close
    if leaves and not (pays and gain * rule.horizon_years - cost >= kept - costs.gas_close):
        return WITHDRAW, 0, 0
    return (SHIFT, lower, upper) if pays else (HOLD, 0, 0)


@compiled
def _loses(root: float, book: FloatArray, pool: tuple[float, float], sigma: float, rule: Gates) -> bool:
    """Return whether a position in range may earn less than its LVR; only then can its income be below zero."""
    own = 2.0 * book[LIQUIDITY] * root
    return pool[0] / (pool[1] + own) < rule.lvr_weight * lvr_rate(sigma) * (1.0 + 1e-9)


@compiled
def _shift_worth(
    root: float,
    in_range: bool,
    book: FloatArray,
    held: tuple[float, float],
    target: tuple[float, float],
    pool: tuple[float, float],
    sigma: float,
    rule: Gates,
    costs: Charges,
) -> tuple[float, float, float]:
    """Return yearly gain of a shift, yearly income as it stands, and the cost of the shift."""
    price = root * root
    base, quote = position_amounts(book, root)
    standing = base * price + quote
    base, quote = (base + book[OWED_BASE]) * price, quote + book[OWED_QUOTE]
    capital = base + quote
    depth = pool[1] + (2.0 * book[LIQUIDITY] * root if in_range else 0.0)
    outlook = (sigma, rule.horizon_years, rule.lvr_weight, upkeep_once(net_value(book, root), depth, costs))
    after, now = shift_incomes(price, held, target, standing, capital, pool, outlook)
    share = base_share(price, target[0], target[1])
    swapped = swap_needed(base + book[IDLE_BASE] * price, quote + book[IDLE_QUOTE], capital, share)
    return after - now, now, move_price(swapped, depth, costs, costs.gas_open + costs.gas_close)


@compiled
def _open(
    price: float,
    book: FloatArray,
    pool: tuple[float, float],
    known: Known,
    params: tuple[float, float, float, float, float],
    rule: Gates,
    costs: Charges,
    grid: Grid,
) -> tuple[int, int, int]:
    """Place idle capital if its income over the horizon pays for that, or if it must not stay idle."""
    lower, upper = policy_target(price, known, params, grid)
    if not rule.may_idle:
        return OPEN, lower, upper
    target = bounds_at(lower, upper, grid)
    base, quote = book[IDLE_BASE] * price, book[IDLE_QUOTE]
    capital = (base + quote) * rule.share
    outlook = (known.sigma, rule.horizon_years, rule.lvr_weight, upkeep_once(base + quote, pool[1], costs))
    after, _ = shift_incomes(price, (0.0, 0.0), target, 0.0, capital, pool, outlook)
    swapped = swap_needed(base, quote, capital, base_share(price, target[0], target[1]))
    if after * rule.horizon_years > max(1.0, rule.place_multiple) * move_price(swapped, pool[1], costs, costs.gas_open):
        return OPEN, lower, upper
    return HOLD, 0, 0
