"""Which ticks a round trip opens at and shifts to, from what is at hand: around the price, or on one side of it."""

import math
from typing import Literal

from alm_core.math.orientation import usable_tick_at_or_above, usable_tick_at_or_below
from alm_core.model.market import PoolState
from alm_core.model.pools import Pool
from alm_core.portfolio.plan_limits import is_stable

Side = Literal["around", "above", "below"]

WIDTH_FRAC = 0.02
WIDTH_STABLE_FRAC = 0.002
SHIFTED_WIDTHS = 2.0
"""The range that is shifted to is this many times as wide as the first: other ticks, whatever the price has done."""
SHIFTED_WIDTHS_OF_BINS = 0.5
"""The same for pools of bins, where every bin costs gas and none is wider than the range."""
ONE_SIDED_FRAC = 0.02
"""A holding of which one token is less than this part takes a range on one side."""


def ticks_at(state: PoolState, side: Side, width_frac: float | None, widths: float = 1.0) -> tuple[int, int]:
    """Return usable ticks around the price, or beside it: above it only token0 is placed, below it only token1.

    Parameters
    ----------
    state
        Pool at its pinned price.
    side
        Where the range lies.
    width_frac
        Distance of the bounds from the price; ``None`` takes what suits the pool.
    widths
        Multiple of that distance.
    """
    if width_frac is None:
        width_frac = WIDTH_STABLE_FRAC if is_stable(state) else WIDTH_FRAC
    half = max(math.ceil(math.log1p(width_frac) / math.log(1.0001) * widths), 1)
    pool, tick = state.pool, state.tick
    if side == "above":
        lower = usable_tick_at_or_above(pool, tick + 1)
        return lower, usable_tick_at_or_above(pool, lower + 2 * half)
    if side == "below":
        upper = usable_tick_at_or_below(pool, tick)
        return usable_tick_at_or_below(pool, upper - 2 * half), upper
    return usable_tick_at_or_below(pool, tick - half), usable_tick_at_or_above(pool, tick + 1 + half)


def shifted_widths(pool: Pool) -> float:
    """Return how much wider the second range of a round trip is than the first."""
    return SHIFTED_WIDTHS if pool.bin_step is None else SHIFTED_WIDTHS_OF_BINS


def side_of(value0_usd: float, value1_usd: float) -> Side:
    """Return where a range can take a holding as it is, without a swap.

    Examples
    --------
    >>> side_of(50.0, 40.0), side_of(50.0, 0.1), side_of(0.0, 50.0)
    ('around', 'above', 'below')
    """
    small = ONE_SIDED_FRAC * (value0_usd + value1_usd)
    if value1_usd < small:
        return "above"
    return "below" if value0_usd < small else "around"
