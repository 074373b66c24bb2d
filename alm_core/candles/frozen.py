"""Venues that repeat one price while the market moves on."""

import numpy as np

from alm_core.candles.grid import VenueGrid, column_median
from alm_core.model.candles import MINUTE_MS, BoolArray, FloatArray, IntArray


def frozen_minutes_of(grid: VenueGrid, minutes: int, move_bps: float) -> BoolArray:
    """Return where each venue is frozen, shape (venues, n).

    A venue is frozen where its candles have been one flat unchanged price ``minutes`` times or more and the median
    close of the others has meanwhile moved by ``move_bps``. It is so from the first flat candle on, but from no more
    than ``minutes`` candles before the others had moved: in an hour in which nothing moves anywhere standing still is
    right, and the last one to move at its end was not frozen all the hour. It ends with the flat price.

    Flat is judged in the venue's own quote currency, and so is the move of the others: a price that stands still moves
    with the basis once it is converted.

    Parameters
    ----------
    grid
        Venues on one time axis.
    minutes
        Shortest run of flat candles. Candles further apart than this are not of one run.
    move_bps
        Highest over lowest median close of the others within the run, basis points.
    """
    frozen = np.zeros_like(grid.present)
    for row in range(len(grid.names)):
        places = np.flatnonzero(grid.present[row])
        first, after = _flat_runs(grid, row, places, minutes)
        if first.size:
            others = _median_of_others(grid, row)[places] * _quote_per_converted(grid, row)[places]
            frozen[row, places] = _left_behind(others, first, after, minutes, move_bps * 1e-4)
    return frozen


def _flat_runs(grid: VenueGrid, row: int, places: IntArray, minutes: int) -> tuple[IntArray, IntArray]:
    """Return the first and one past the last candle of every long run, counted in candles of the venue."""
    high, low = grid.columns["quoted_high"][row, places], grid.columns["quoted_low"][row, places]
    flat = high == low
    near = np.diff(grid.ts_ms[places]) <= minutes * MINUTE_MS
    goes_on = flat[1:] & flat[:-1] & (high[1:] == high[:-1]) & near
    first = np.flatnonzero(flat & ~np.append(False, goes_on)[: flat.size])
    after = np.flatnonzero(flat & ~np.append(goes_on, False)[: flat.size]) + 1
    long = after - first >= minutes
    return first[long], after[long]


def _median_of_others(grid: VenueGrid, row: int) -> FloatArray:
    others = np.arange(len(grid.names)) != row
    if not others.any():
        return np.full(grid.ts_ms.size, np.nan)
    return column_median(grid.columns["close"][others], grid.present[others])


def _quote_per_converted(grid: VenueGrid, row: int) -> FloatArray:
    return grid.columns["quoted_high"][row] / grid.columns["high"][row]


def _left_behind(others: FloatArray, first: IntArray, after: IntArray, minutes: int, move_frac: float) -> BoolArray:
    edges = np.column_stack((first, after)).ravel()
    padded = np.append(others, np.nan)
    highest, lowest = np.fmax.reduceat(padded, edges)[::2], np.fmin.reduceat(padded, edges)[::2]
    frozen = np.zeros(others.size, dtype=np.bool_)
    for run in np.flatnonzero(highest - lowest >= move_frac * lowest):
        inside = others[first[run] : after[run]]
        low = np.fmin.accumulate(inside)
        moved = first[run] + int(np.argmax(np.fmax.accumulate(inside) - low >= move_frac * low))
        frozen[max(int(first[run]), int(moved) - minutes) : after[run]] = True
    return frozen
