"""The simulated position and its money, compiled: earning, marking, swapping, placing.

State lives in one array, so that the steps share it without allocating; its rows are named here.
"""

import math
from typing import NamedTuple

from alm_core.forces.compiled import compiled
from alm_core.model.candles import FloatArray, IntArray

IDLE_BASE, IDLE_QUOTE = 0, 1
"""Tokens that are in no position."""
LIQUIDITY, LOW_ROOT, HIGH_ROOT = 2, 3, 4
"""The position: 0 liquidity where there is none."""
OWED_BASE, OWED_QUOTE = 5, 6
"""Fees earned and not yet collected."""
FEES, LVR, SWAP, GAS = 7, 8, 9, 10
"""Running totals in quote; fees at the price of their minute."""
INSIDE = 11
"""Minutes in range, parts of a minute included."""
BOOK_ROWS = 12


class MinuteColumns(NamedTuple):
    """Columns of a :class:`alm_core.simulation.minutes.MinuteMarket` that loops read."""

    tick: IntArray
    root: FloatArray
    fee_base: FloatArray
    fee_quote: FloatArray
    liquidity: FloatArray


@compiled
def inside(tick: int, ticks: IntArray) -> bool:
    """Return whether a tick is in the range, as a pool decides it: the upper end is outside."""
    return ticks[0] <= tick < ticks[1]


@compiled
def path_share(before: int, after: int, ticks: IntArray) -> float:
    """Return the share of a minute's way from tick to tick that a range covers, 0..1.

    Notes
    -----
    ``V3CoreLib.update_fee`` of demeter 1.3.0: fees of a minute are spread evenly over the ticks passed.
    """
    within, still = inside(after, ticks), inside(before, ticks)
    if within and still:
        return 1.0
    if not within and not still and (before < ticks[0]) == (after < ticks[0]):
        return 0.0
    low, high = max(min(before, after), ticks[0]), min(max(before, after), ticks[1])
    return (high - low) / abs(after - before)


@compiled
def unit_lvr(before: float, after: float, low: float, high: float) -> float:
    r"""Return what one unit of liquidity loses to the portfolio that holds its base through a move of the price.

    Parameters
    ----------
    before, after
        Square roots of the price.
    low, high
        Square roots of the bounds.

    Notes
    -----
    :math:`x(P_0)(P_1 - P_0) - (V(P_1) - V(P_0))`, the loss versus rebalancing of a step (Milionis et al. 2022). Inside
    it is :math:`(\sqrt{P_1} - \sqrt{P_0})^2 / \sqrt{P_0}`, in the mean :math:`\sigma^2/8` of :math:`2\sqrt P` per year.
    """
    if low <= before <= high and low <= after <= high:
        return (after - before) * (after - before) / before
    was, now = min(max(before, low), high), min(max(after, low), high)
    if was == now:
        return 0.0
    base_before, base_after = 1.0 / was - 1.0 / high, 1.0 / now - 1.0 / high
    worth = base_after * after * after - base_before * before * before + (now - was)
    return base_before * (after - before) * (after + before) - worth


@compiled
def earn(
    columns: MinuteColumns,
    thickness: float,
    book: FloatArray,
    ticks: IntArray,
    span: tuple[int, int],
    stop: bool,
    ahead: bool,
    jumped: bool,
) -> int:
    """Book fees and LVR of the position minute by minute; return the minute reached.

    Parameters
    ----------
    columns, thickness
        The market; others' liquidity is multiplied by ``thickness``.
    book, ticks
        State.
    span
        First minute and the one after the last.
    stop
        Stop where a close leaves the range.
    ahead
        Stop before such a minute, not after it, and value fees at its opening.
    jumped
        The first minute begins at its close: the position was placed knowing it.
    """
    tick, root, fee_base, fee_quote, liquidity = columns
    own, low, high = book[LIQUIDITY], book[LOW_ROOT], book[HIGH_ROOT]
    owed_base = owed_quote = fees = lvr = covered = 0.0
    minute = span[0]
    while minute < span[1]:
        before = tick[minute + 1] if jumped else tick[minute]
        left = stop and not inside(tick[minute + 1], ticks)
        if left and ahead and not jumped:
            break
        jumped = False
        share = path_share(before, tick[minute + 1], ticks)
        if share > 0.0 and own > 0.0:
            covered += share
            share *= own / (liquidity[minute] * thickness + own)
            mark = root[minute] if ahead else root[minute + 1]
            owed_base += share * fee_base[minute]
            owed_quote += share * fee_quote[minute]
            fees += share * (fee_base[minute] * mark * mark + fee_quote[minute])
        lvr += unit_lvr(root[minute], root[minute + 1], low, high)
        minute += 1
        if left:
            break
    book[OWED_BASE] += owed_base
    book[OWED_QUOTE] += owed_quote
    book[FEES] += fees
    book[LVR] += own * lvr
    book[INSIDE] += covered
    return minute


@compiled
def position_amounts(book: FloatArray, root: float) -> tuple[float, float]:
    """Return base and quote in the position, without fees, at a square-root price."""
    if book[LIQUIDITY] == 0.0:
        return 0.0, 0.0
    at = min(max(root, book[LOW_ROOT]), book[HIGH_ROOT])
    return book[LIQUIDITY] * (1.0 / at - 1.0 / book[HIGH_ROOT]), book[LIQUIDITY] * (at - book[LOW_ROOT])


@compiled
def net_value(book: FloatArray, root: float) -> float:
    """Return everything held, in quote, at a square-root price."""
    base, quote = position_amounts(book, root)
    return (base + book[IDLE_BASE] + book[OWED_BASE]) * root * root + quote + book[IDLE_QUOTE] + book[OWED_QUOTE]


@compiled
def collect(book: FloatArray, root: float) -> None:
    """Close the position: its tokens and fees become idle."""
    base, quote = position_amounts(book, root)
    book[IDLE_BASE] += base + book[OWED_BASE]
    book[IDLE_QUOTE] += quote + book[OWED_QUOTE]
    book[LIQUIDITY] = book[OWED_BASE] = book[OWED_QUOTE] = 0.0


@compiled
def pay(book: FloatArray, amount: float, root: float) -> None:
    """Pay gas out of idle quote, then out of idle base; at most all of it."""
    from_quote = min(amount, book[IDLE_QUOTE])
    from_base = min((amount - from_quote) / (root * root), book[IDLE_BASE])
    book[IDLE_QUOTE] -= from_quote
    book[IDLE_BASE] -= from_base
    book[GAS] += from_quote + from_base * root * root


@compiled
def sell(book: FloatArray, value: float, cost_frac: float, root: float, of_base: bool) -> None:
    """Swap idle tokens worth ``value`` of one side into the other, which gets ``1 - cost_frac`` of it."""
    price = root * root
    if of_base:
        book[IDLE_BASE] = max(0.0, book[IDLE_BASE] - value / price)
        book[IDLE_QUOTE] += value * (1.0 - cost_frac)
    else:
        book[IDLE_QUOTE] = max(0.0, book[IDLE_QUOTE] - value)
        book[IDLE_BASE] += value * (1.0 - cost_frac) / price
    book[SWAP] += value * cost_frac


@compiled
def swap_even(book: FloatArray, cost_frac: float, root: float) -> None:
    """Bring idle tokens to equal values on both sides.

    Notes
    -----
    ``UniLpMarket.even_rebalance`` of demeter 1.3.0, whose halves differ by a part of the fee.
    """
    price = root * root
    excess = book[IDLE_QUOTE] / price - book[IDLE_BASE]
    if excess >= 0.0:
        bought = excess / (2.0 + cost_frac)
        sell(book, bought * price / (1.0 - cost_frac), cost_frac, root, False)
    else:
        sell(book, -excess / (2.0 - cost_frac) * price, cost_frac, root, True)


@compiled
def swap_exact(book: FloatArray, base_frac: float, capital: float, cost_frac: float, root: float) -> None:
    """Swap so that ``capital`` of the idle tokens can go into a range that holds ``base_frac`` of its value in base.

    Notes
    -----
    With all of the capital placed, selling :math:`z` of :math:`X` against :math:`Y` meets the ratio after the cost
    where :math:`(X - z)(1 - s) = (Y + z(1 - f)) s`; with more at hand only what is missing of one side is bought.
    """
    base, quote = book[IDLE_BASE] * root * root, book[IDLE_QUOTE]
    kept = 1.0 - cost_frac
    placed = min(capital, base + quote)
    short_base, short_quote = placed * base_frac - base, placed * (1.0 - base_frac) - quote
    if short_quote > 0.0:
        whole = ((1.0 - base_frac) * base - base_frac * quote) / ((1.0 - base_frac) + base_frac * kept)
        sell(book, min(short_quote / kept, whole), cost_frac, root, True)
    elif short_base > 0.0:
        whole = (base_frac * quote - (1.0 - base_frac) * base) / (base_frac + (1.0 - base_frac) * kept)
        sell(book, min(short_base / kept, whole), cost_frac, root, False)


@compiled
def place(book: FloatArray, bounds: tuple[float, float], capital: float, root: float, dust_frac: float) -> None:
    """Put as much of the idle tokens, at most ``capital``, into a range as both of them allow; bounds are prices.

    What is left of a token is lost where it is less than ``dust_frac`` of what there was.
    """
    low, high = math.sqrt(bounds[0]), math.sqrt(bounds[1])
    at = min(max(root, low), high)
    base_unit, quote_unit = 1.0 / at - 1.0 / high, at - low
    liquidity = capital / (base_unit * root * root + quote_unit)
    if base_unit > 0.0:
        liquidity = min(liquidity, book[IDLE_BASE] / base_unit)
    if quote_unit > 0.0:
        liquidity = min(liquidity, book[IDLE_QUOTE] / quote_unit)
    book[LIQUIDITY], book[LOW_ROOT], book[HIGH_ROOT] = liquidity, low, high
    left_base, left_quote = book[IDLE_BASE] - liquidity * base_unit, book[IDLE_QUOTE] - liquidity * quote_unit
    book[IDLE_BASE] = left_base if left_base > dust_frac * book[IDLE_BASE] else 0.0
    book[IDLE_QUOTE] = left_quote if left_quote > dust_frac * book[IDLE_QUOTE] else 0.0
