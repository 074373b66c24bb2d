"""Ticks of a pool in compiled floats: the twin of :mod:`alm_core.math.orientation` for the simulator's loops."""

import math
from typing import NamedTuple

import numpy as np

from alm_core.forces.compiled import compiled
from alm_core.math.tick import MAX_TICK, MIN_TICK
from alm_core.model.candles import FloatArray, IntArray
from alm_core.model.errors import InvalidInput
from alm_core.model.pools import Pool

LOG_TICK = math.log(1.0001)


class Grid(NamedTuple):
    """How ticks of a pool map to prices of its pair: ``scale * 1.0001^(direction * tick)`` quote per base."""

    direction: float
    scale: float
    tick_spacing: int


def grid_of(pool: Pool) -> Grid:
    """Return how ticks of a pool map to prices of its pair.

    Raises
    ------
    InvalidInput
        If the spacing is not positive.

    Examples
    --------
    >>> from alm_core.model.pools import Token
    >>> base, quote = (
    ...     Token(chain_id=1, address=name, symbol=name, decimals=decimals, asset_class="volatile", issuer="")
    ...     for name, decimals in (("WETH", 18), ("USDC", 6))
    ... )
    >>> pool = Pool(
    ...     chain_id=1,
    ...     address="",
    ...     dex="",
    ...     family="",
    ...     factory="",
    ...     position_manager="",
    ...     token0=quote,
    ...     token1=base,
    ...     fee_pips=500,
    ...     tick_spacing=10,
    ...     base_is_token0=False,
    ... )
    >>> round(price_at(200_000, grid_of(pool)), 6)
    2063.215669
    """
    if pool.tick_spacing <= 0:
        raise InvalidInput(f"tick spacing {pool.tick_spacing} of pool {pool.pool_id} is not positive")
    scale = 10.0 ** (pool.base.decimals - pool.quote.decimals)
    return Grid(1.0 if pool.base_is_token0 else -1.0, scale, pool.tick_spacing)


@compiled
def price_at(tick: float, grid: Grid) -> float:
    """Return quote per base at a tick."""
    return grid.scale * math.pow(1.0001, grid.direction * tick)


@compiled
def tick_position(price: float, grid: Grid) -> float:
    """Return where a price lies on the tick axis, between ticks."""
    return grid.direction * math.log(price / grid.scale) / LOG_TICK


@compiled
def bounds_at(lower: int, upper: int, grid: Grid) -> tuple[float, float]:
    """Return the price bounds ``(lower, upper)`` of a tick range, whichever token is the base."""
    first, second = price_at(float(lower), grid), price_at(float(upper), grid)
    return (first, second) if first <= second else (second, first)


@compiled
def usable(spacing: int) -> tuple[int, int]:
    """Return the lowest and the highest tick a position may use."""
    return -(-MIN_TICK // spacing) * spacing, MAX_TICK // spacing * spacing


@compiled
def enclosing_ticks(lower: float, upper: float, grid: Grid) -> tuple[int, int]:
    """Return the narrowest usable ticks that enclose price bounds, as ``ticks_for_range`` of the live plan.

    Notes
    -----
    Float logarithms are right to some 1e-9 of a tick. Only a bound that close to a usable tick may be taken for lying
    on its other side; the exact integers of the live plan are then one spacing away.
    """
    first, second = tick_position(lower, grid), tick_position(upper, grid)
    low, high = min(first, second), max(first, second)
    spacing = grid.tick_spacing
    lowest, highest = usable(spacing)
    tick_lower = max(math.floor(low / spacing) * spacing, lowest)
    tick_upper = min(math.ceil(high / spacing) * spacing, highest)
    if tick_lower < tick_upper:
        return tick_lower, tick_upper
    if tick_lower < highest:
        return tick_lower, tick_lower + spacing
    return highest - spacing, highest


@compiled
def centred_ticks(tick: int, half_width: int, spacing: int) -> tuple[int, int]:
    """Return the usable ticks nearest to ``tick`` less and plus a half width; halves go to the even multiple.

    Notes
    -----
    ``nearest_usable_tick`` of demeter 1.3.0, which rounds as Python does.
    """
    lower = round((tick - half_width) / spacing) * spacing
    upper = round((tick + half_width) / spacing) * spacing
    lowest, highest = usable(spacing)
    return max(lower, lowest), min(upper, highest)


def ticks_at_prices(price: FloatArray, grid: Grid) -> IntArray:
    """Return the tick that is current at each price, shape (n,)."""
    position = grid.direction * np.log(price / grid.scale) / LOG_TICK
    return np.floor(position).astype(np.int64)


def prices_at_ticks(tick: IntArray, grid: Grid) -> FloatArray:
    """Return quote per base at each tick, shape (n,)."""
    return grid.scale * np.power(1.0001, grid.direction * tick)
