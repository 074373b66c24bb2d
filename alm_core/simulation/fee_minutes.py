"""How long, and for how much of its fees, a pool's price was between given ticks: an estimate from minutes of candles.

What is used where a pool's swaps are not known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log

import numpy as np

from alm_core.math.orientation import price_at_tick
from alm_core.model.candles import CandleSeries, FloatArray
from alm_core.model.market import PoolState


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceWeights:
    """Parts of an interval by place between edges, each summing to 1; shape ``len(edges) + 1``.

    ``fees`` are parts of what swaps paid, ``time`` parts of the time.
    """

    fees: list[float]
    time: list[float]


def place_weights(before: PoolState, after: PoolState, minutes: CandleSeries, edges: Sequence[int]) -> PlaceWeights:
    """Return what part of fees and time belongs to every place between edges.

    Parameters
    ----------
    before, after
        Readings of a pool; without minutes each tells for half of the interval.
    minutes
        Candles in between.
    edges
        Ticks, ascending.

    Notes
    -----
    A minute is spread evenly over the logarithm of its prices from low to high. In ``fees`` it counts by that distance,
    since a pool takes in what moves its price; in ``time`` all minutes are alike. What lies between the close of one
    minute and the opening of the next is not counted: it may be a gap in the data.
    """
    if len(minutes) == 0:
        ends = [0.0] * (len(edges) + 1)
        for state in (before, after):
            ends[sum(edge <= state.tick for edge in edges)] += 0.5
        return PlaceWeights(fees=ends, time=ends)
    low, high = _way(after, minutes)
    length = high - low
    levels = _levels(after, edges)
    inside = np.minimum(np.maximum((levels[:, None] - low) / np.where(length > 0.0, length, 1.0), 0.0), 1.0)
    below = np.where(length > 0.0, inside, levels[:, None] > low)
    count = len(minutes)
    total = float(length.sum())
    by_time = _parts(below.sum(axis=1) / count)
    return PlaceWeights(fees=_parts(below @ length / total) if total > 0.0 else by_time, time=by_time)


def _way(state: PoolState, minutes: CandleSeries) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest logarithm of token1 per token0 in each minute."""
    low, high = np.log(minutes.low), np.log(minutes.high)
    return (low, high) if state.pool.base_is_token0 else (-high, -low)


def _levels(state: PoolState, edges: Sequence[int]) -> FloatArray:
    sign = 1.0 if state.pool.base_is_token0 else -1.0
    return np.array([sign * log(price_at_tick(state.pool, edge)) for edge in edges], dtype=np.float64)


def _parts(below: FloatArray) -> list[float]:
    ends = [0.0, *below.tolist(), 1.0]
    return [upper - lower for lower, upper in pairwise(ends)]
