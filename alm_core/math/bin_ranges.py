"""Ranges of ticks over bins: each bin is the part of the price line around its own price.

Bins are counted here by their place, upwards in token1 per token0 from the bin of price 1; which id that is depends on
which token is X. The price of a place is ``r^place`` with ``r = 1 + bin_step / 10,000``, and the bin reaches from
``r^(place - 1/2)`` to ``r^(place + 1/2)``: between those prices a V3 range has as much of each token as a bin that is
full of it. As ranges are told in whole ticks, an edge is the tick nearest to it, and a half is rounded up.
"""

import math
from functools import cache

from alm_core.math.bins import ID_SHIFT
from alm_core.math.tick import MAX_TICK, MIN_TICK, Q96
from alm_core.model.errors import InvalidInput


@cache
def ticks_per_bin(bin_step: int) -> float:
    """Return the width of a bin in ticks, of which its edges are the nearest whole ones."""
    return math.log1p(bin_step / 10_000) / math.log1p(1 / 10_000)


def bin_of_place(place: int, *, token0_is_x: bool) -> int:
    """Return the id of a place; applied with the same order to an id's place it gives the id back.

    Examples
    --------
    >>> bin_of_place(3, token0_is_x=False) - ID_SHIFT
    -3
    """
    return ID_SHIFT + place if token0_is_x else ID_SHIFT - place


def place_of_bin(bin_id: int, *, token0_is_x: bool) -> int:
    """Return the place of an id."""
    return bin_id - ID_SHIFT if token0_is_x else ID_SHIFT - bin_id


def edge_tick(bin_step: int, place: int) -> int:
    """Return the tick of a bin's lower edge, which is the upper edge of the bin below.

    Examples
    --------
    >>> [edge_tick(1, place) for place in (-1, 0, 1)], [edge_tick(25, place) for place in (-1, 0, 1)]
    ([-1, 0, 1], [-37, -12, 12])
    """
    return math.floor((place - 0.5) * ticks_per_bin(bin_step) + 0.5)


def place_at_tick(bin_step: int, tick: int) -> int:
    """Return the place of the bin that holds a tick: the greatest whose lower edge is not above.

    Examples
    --------
    >>> place_at_tick(25, 11), place_at_tick(25, 12)
    (0, 1)
    """
    place = math.floor(tick / ticks_per_bin(bin_step) + 0.5)
    while edge_tick(bin_step, place) > tick:
        place -= 1
    while edge_tick(bin_step, place + 1) <= tick:
        place += 1
    return place


def place_at_sqrt_price_x96(bin_step: int, sqrt_price_x96: int) -> int:
    """Return the place of the bin whose part of the price line holds a square-root price.

    Examples
    --------
    >>> place_at_sqrt_price_x96(25, Q96), place_at_sqrt_price_x96(25, Q96 * 10_013 // 10_000)
    (0, 1)
    """
    log_price = 2 * (math.log(sqrt_price_x96) - math.log(Q96))
    return math.floor(log_price / math.log1p(bin_step / 10_000) + 0.5)


def edge_at_or_below(bin_step: int, tick: int) -> int:
    """Return the nearest usable edge at or below a tick, but not below the lowest there is."""
    edge = edge_tick(bin_step, place_at_tick(bin_step, tick))
    return edge if edge >= MIN_TICK else edge_tick(bin_step, place_at_tick(bin_step, tick) + 1)


def edge_at_or_above(bin_step: int, tick: int) -> int:
    """Return the nearest usable edge at or above a tick, but not above the highest there is."""
    place = place_at_tick(bin_step, tick - 1) + 1
    edge = edge_tick(bin_step, place)
    return edge if edge <= MAX_TICK else edge_tick(bin_step, place - 1)


def places_of_range(bin_step: int, tick_lower: int, tick_upper: int) -> range:
    """Return the places of the bins between two edges.

    Raises
    ------
    InvalidInput
        If the range is empty or its ticks are not edges of bins.
    """
    first, last = place_at_tick(bin_step, tick_lower), place_at_tick(bin_step, tick_upper)
    if tick_lower >= tick_upper or (edge_tick(bin_step, first), edge_tick(bin_step, last)) != (tick_lower, tick_upper):
        raise InvalidInput(f"ticks [{tick_lower}, {tick_upper}] are not edges of bins of step {bin_step}")
    return range(first, last)


def ticks_of_places(bin_step: int, places: range) -> tuple[int, int]:
    """Return the ticks of the outer edges of bins beside each other."""
    return edge_tick(bin_step, places.start), edge_tick(bin_step, places.stop)
