"""One quarter hour of the default policy for one position: the live rule, compiled."""

import math
from typing import NamedTuple

from alm_core.forces.compiled import compiled
from alm_core.model.candles import FloatArray, IntArray
from alm_core.portfolio.costs import SWAPPED_PER_SHIFT_FRAC
from alm_core.ranges.income import shift_incomes
from alm_core.ranges.position import base_share
from alm_core.ranges.range import bounds_divergence, half_width_frac, range_bounds
from alm_core.simulation.minute_book import (
    IDLE_BASE,
    IDLE_QUOTE,
    LIQUIDITY,
    OWED_BASE,
    OWED_QUOTE,
    inside,
    net_value,
    position_amounts,
)
from alm_core.simulation.minute_ticks import Grid, bounds_at, enclosing_ticks

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
    width = half_width_frac(known.volatility, params[0], params[1], params[2], params[3])
    lower, upper = range_bounds(price, width, known.bias)
    return enclosing_ticks(lower, upper, grid)


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
    lower, upper = policy_target(price, known, params, grid)
    held, target = bounds_at(ticks[0], ticks[1], grid), bounds_at(lower, upper, grid)
    misfit = not in_range or bounds_divergence(held[0], held[1], target[0], target[1]) > params[4]
    if not misfit and not rule.may_idle:
        return HOLD, 0, 0
    gain, now, cost = _shift_worth(root, in_range, book, held, target, pool, known.sigma, rule, costs)
    if misfit and gain + now > 0.0 and gain * rule.horizon_years > rule.cost_multiple * cost:
        return SHIFT, lower, upper
    nav = net_value(book, root)
    loses = -now * rule.horizon_years > rule.place_multiple * costs.gas_close and -now >= rule.min_apr_gain * nav
    if rule.may_idle and held_for >= rule.min_hold and loses:
        return WITHDRAW, 0, 0
    return HOLD, 0, 0


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
    base, quote = (base + book[OWED_BASE]) * price, quote + book[OWED_QUOTE]
    capital = base + quote
    depth = pool[1] + (2.0 * book[LIQUIDITY] * root if in_range else 0.0)
    outlook = (sigma, rule.horizon_years, rule.lvr_weight, upkeep_once(net_value(book, root), depth, costs))
    after, now = shift_incomes(price, held, target, capital, pool, outlook)
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
    after, _ = shift_incomes(price, (0.0, 0.0), target, capital, pool, outlook)
    swapped = swap_needed(base, quote, capital, base_share(price, target[0], target[1]))
    if after * rule.horizon_years > rule.place_multiple * move_price(swapped, pool[1], costs, costs.gas_open):
        return OPEN, lower, upper
    return HOLD, 0, 0
