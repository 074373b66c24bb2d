"""The loop over minutes, compiled: one position held, recentred, or moved by the policy."""

import math

import numpy as np

from alm_core.forces.compiled import compiled
from alm_core.forces.timeframes import MINUTES_PER_YEAR
from alm_core.model.candles import FloatArray, IntArray
from alm_core.ranges.position import base_share
from alm_core.simulation.minute_book import (
    IDLE_BASE,
    IDLE_QUOTE,
    LIQUIDITY,
    OWED_BASE,
    OWED_QUOTE,
    MinuteColumns,
    collect,
    earn,
    inside,
    net_value,
    pay,
    place,
    position_amounts,
    swap_even,
    swap_exact,
)
from alm_core.simulation.minute_policy import (
    HOLD,
    OPEN,
    WITHDRAW,
    Charges,
    Gates,
    Known,
    policy_step,
    swap_frac,
    swap_needed,
)
from alm_core.simulation.minute_ticks import Grid, bounds_at, centred_ticks

DEMETER_DUST_FRAC = 1e-5
"""``Asset.sub`` of demeter 1.3.0 takes a smaller rest of a balance for a rounding error and drops it."""
FLOOR_ACTIVE = 1.0
"""Least active liquidity of others, in quote over the full range, as in :mod:`alm_core.portfolio.yields`."""


@compiled
def move(
    book: FloatArray,
    ticks: IntArray,
    target: tuple[int, int],
    capital: float,
    root: float,
    depth: float,
    costs: Charges,
    even: bool,
    grid: Grid,
) -> None:
    """Close what is placed, pay for it, swap and place at most ``capital`` in new ticks.

    Own impact is measured by ``depth``, the full-range value of all active liquidity. ``even`` swaps to equal values on
    both sides, as demeter's ``even_rebalance``, instead of to the ratio of the range.
    """
    gas = costs.gas_open + (costs.gas_close if book[LIQUIDITY] > 0.0 else 0.0)
    collect(book, root)
    pay(book, gas, root)
    bounds = bounds_at(target[0], target[1], grid)
    price = root * root
    base, quote = book[IDLE_BASE] * price, book[IDLE_QUOTE]
    capital = min(capital, base + quote)
    share = base_share(price, bounds[0], bounds[1])
    swapped = abs(base - quote) / 2.0 if even else swap_needed(base, quote, capital, share)
    if swapped > 0.0:
        pay(book, costs.gas_swap, root)
        cost_frac = swap_frac(swapped, depth, costs)
        if even:
            swap_even(book, cost_frac, root)
        else:
            swap_exact(book, share, capital, cost_frac, root)
    place(book, bounds, capital, root, DEMETER_DUST_FRAC if even else 0.0)
    ticks[0], ticks[1] = target[0], target[1]


@compiled
def depth_at(liquidity: float, root: float, book: FloatArray, within: bool) -> float:
    """Return the full-range value of all active liquidity, ours included while it is in range."""
    return 2.0 * (liquidity + (book[LIQUIDITY] if within else 0.0)) * root


@compiled
def yearly_fees(closes: IntArray, until: tuple[FloatArray, FloatArray], row: int, window: int, price: float) -> float:
    """Return the pool's fees per year over the last ``window`` quarter hours, or since the beginning, at a price."""
    base, quote, minutes = until[0][row], until[1][row], closes[row]
    if row >= window:
        base -= until[0][row - window]
        quote -= until[1][row - window]
        minutes -= closes[row - window]
    return (base * price + quote) * MINUTES_PER_YEAR / minutes


@compiled
def run_fixed(
    columns: MinuteColumns,
    thickness: float,
    closes: IntArray,
    half_width: int,
    style: tuple[bool, bool, bool],
    book: FloatArray,
    costs: Charges,
    grid: Grid,
    nav: FloatArray,
) -> int:
    """Place once around the first tick, and again where a close leaves the range if asked to; return how often.

    Parameters
    ----------
    columns, thickness
        As :func:`alm_core.simulation.minute_book.earn`.
    closes : shape (k,)
        Minutes before each quarter-hour close.
    half_width
        Ticks on either side.
    style
        ``(reset, ahead, even)``: recentre at exits; act on a minute's close at its opening price, as demeter does, a
        minute too early; swap to even halves (:func:`move`).
    book
        Idle tokens at the beginning; everything at the end.
    costs, grid
        As :func:`move`.
    nav : shape (k,)
        Filled with the value of everything at each close.
    """
    tick, root, liquidity = columns.tick, columns.root, columns.liquidity
    reset, ahead, even = style
    shown, count = (1 if ahead else 0), liquidity.shape[0]
    ticks = np.zeros(2, dtype=np.int64)
    moves, minute, jumped, due = -1, 0, ahead, True
    for row in range(closes.shape[0] + 1):
        end: int = closes[row] if row < closes.shape[0] else count
        while minute < end:
            if due:
                depth = depth_at(liquidity[minute] * thickness, root[minute], book, False)
                target = centred_ticks(tick[minute + shown], half_width, grid.tick_spacing)
                move(book, ticks, target, math.inf, root[minute], depth, costs, even, grid)
                moves, jumped = moves + 1, ahead
            # Capital that gas has used up is not placed again.
            moving = reset and book[LIQUIDITY] > 0.0
            minute = earn(columns, thickness, book, ticks, (minute, end), moving, ahead, jumped)
            jumped = False
            due = moving and minute < count and not inside(tick[minute + shown], ticks)
        if row < closes.shape[0]:
            nav[row] = net_value(book, root[end - shown])
    return moves


@compiled
def run_policy(
    columns: MinuteColumns,
    thickness: float,
    closes: IntArray,
    until: tuple[FloatArray, FloatArray],
    forces: tuple[FloatArray, FloatArray, FloatArray],
    sets: FloatArray,
    in_force: IntArray,
    rule: Gates,
    book: FloatArray,
    costs: Charges,
    grid: Grid,
    nav: FloatArray,
) -> int:
    """Decide at each quarter hour as the live policy does; return the number of actions, the first placing included.

    Parameters
    ----------
    columns, thickness, closes, book, costs, grid, nav
        As :func:`run_fixed`.
    until : shapes (k,)
        The pool's fees in base and in quote from the first minute to each close.
    forces : shapes (k,)
        Volatility, bias and sigma known at each close; NaN where unknown.
    sets : shape (s, 5)
        Parameter sets.
    in_force : shape (k,)
        Row of ``sets`` in force at each close.
    rule
        Gates.
    """
    root, count = columns.root, columns.liquidity.shape[0]
    ticks = np.zeros(2, dtype=np.int64)
    moves, minute, held_for = 0, 0, 0
    for row in range(closes.shape[0]):
        end: int = closes[row]
        if book[LIQUIDITY] > 0.0:
            earn(columns, thickness, book, ticks, (minute, end), False, False, False)
        minute, held_for = end, held_for + 1
        nav[row] = net_value(book, root[end])
        if end == count:
            break
        fees = yearly_fees(closes, until, row, rule.yield_window, root[end] * root[end])
        known = Known(forces[0][row], forces[1][row], forces[2][row])
        if _act(columns, thickness, end, fees, known, sets[in_force[row]], rule, book, ticks, costs, grid, held_for):
            moves, held_for = moves + 1, 0
    if book[LIQUIDITY] > 0.0:
        earn(columns, thickness, book, ticks, (minute, count), False, False, False)
    return moves


@compiled
def _act(
    columns: MinuteColumns,
    thickness: float,
    minute: int,
    fees: float,
    known: Known,
    chosen: FloatArray,
    rule: Gates,
    book: FloatArray,
    ticks: IntArray,
    costs: Charges,
    grid: Grid,
    held_for: int,
) -> bool:
    """Decide and carry out; return whether something was done."""
    tick, root, liquidity = columns.tick, columns.root, columns.liquidity
    price_root, others = root[minute], liquidity[minute - 1] * thickness
    active = max(FLOOR_ACTIVE, 2.0 * others * price_root) if others > 0.0 else 0.0
    params = (chosen[0], chosen[1], chosen[2], chosen[3], chosen[4])
    action, lower, upper = policy_step(
        price_root, tick[minute], book, ticks, (fees, active), known, params, rule, costs, grid, held_for
    )
    if action == HOLD:
        return False
    if action == WITHDRAW:
        collect(book, price_root)
        pay(book, costs.gas_close, price_root)
        return True
    base, quote = position_amounts(book, price_root)
    capital = (base + book[OWED_BASE]) * price_root * price_root + quote + book[OWED_QUOTE]
    if action == OPEN:
        capital = net_value(book, price_root) * rule.share
    depth = active + (2.0 * book[LIQUIDITY] * price_root if inside(tick[minute], ticks) else 0.0)
    move(book, ticks, (lower, upper), capital, price_root, depth, costs, False, grid)
    return True
