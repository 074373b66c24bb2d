"""Minutes of several venues on one time axis."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from alm_core.model.candles import EXCHANGES, MINUTE_MS, BoolArray, CandleSeries, FloatArray, IntArray
from alm_core.model.errors import InvalidInput

PRICE_COLUMNS = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VenueSeries:
    """Minutes of one venue and its weight relative to the others.

    ``quoted`` has the same minutes as the venue quoted them, where ``series`` was converted: a price that stands still
    does so in its own currency.
    """

    venue: str
    weight: float
    series: CandleSeries
    quoted: CandleSeries | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VenueGrid:
    """Every minute that at least one venue really had, one row per venue in the order of ``EXCHANGES``.

    Parameters
    ----------
    names
        Venue of each row.
    bits, weights : shape (venues, 1)
        Bit of each row in a mask of exchanges, and its weight.
    ts_ms : shape (n,)
        Open times, ascending.
    columns : shape (venues, n) each
        ``open``, ``high``, ``low``, ``close``, ``volume``, and ``quoted_high``, ``quoted_low`` before conversion; NaN
        where the venue lacks the minute.
    present : shape (venues, n)
        Whether the venue has the minute. One that it filled itself it does not have.
    """

    names: tuple[str, ...]
    bits: IntArray
    weights: FloatArray
    ts_ms: IntArray
    columns: dict[str, FloatArray]
    present: BoolArray

    def mask(self, chosen: BoolArray) -> IntArray:
        """Return, per minute, the mask of the venues chosen in it."""
        return np.where(chosen, self.bits, 0).sum(axis=0, dtype=np.int64)

    def named(self, chosen: BoolArray) -> list[str]:
        """Return the names of the rows chosen, shape (venues,)."""
        return [name for name, yes in zip(self.names, chosen, strict=True) if yes]


def venue_grid(venues: Sequence[VenueSeries]) -> VenueGrid:
    """Return the venues on the axis of all their minutes; their order does not matter.

    Raises
    ------
    InvalidInput
        If a venue is unknown or there twice, a weight is not positive and finite, or a candle does not open on a
        whole minute.
    """
    for venue in venues:
        _refuse(venue)
    ordered = sorted(venues, key=lambda venue: EXCHANGES.index(venue.venue))
    names = tuple(venue.venue for venue in ordered)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidInput(f"venue {', '.join(twice)} is there more than once")
    as_quoted = [replace(venue, series=venue.quoted or venue.series) for venue in ordered]
    times = [venue.series.ts_ms[~venue.series.filled] for venue in ordered]
    ts_ms = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *times]))
    places = [np.searchsorted(ts_ms, own) for own in times]
    present = np.zeros((len(ordered), ts_ms.size), dtype=np.bool_)
    for row, place in enumerate(places):
        present[row, place] = True
    return VenueGrid(
        names=names,
        bits=np.array([1 << EXCHANGES.index(name) for name in names], dtype=np.int64).reshape(-1, 1),
        weights=np.array([venue.weight for venue in ordered], dtype=np.float64).reshape(-1, 1),
        ts_ms=ts_ms,
        columns={
            **{name: _column(ordered, name, places, present.shape) for name in (*PRICE_COLUMNS, "volume")},
            **{f"quoted_{name}": _column(as_quoted, name, places, present.shape) for name in ("high", "low")},
        },
        present=present,
    )


def column_median(values: FloatArray, chosen: BoolArray, *, lower: bool = False) -> FloatArray:
    """Return the median over the chosen rows of each column, NaN where none is; ``lower`` takes the lower of two.

    Notes
    -----
    A network of minima and maxima over whole rows: with six rows about a hundred times faster than ``nanmedian``.

    Examples
    --------
    >>> column_median(np.array([[1.0, 1.0], [4.0, 9.0], [2.0, 3.0]]), np.array([[True, True]] * 2 + [[True, False]]))
    array([2., 5.])
    """
    rows = list(np.where(chosen, values, np.inf))
    for turn in range(len(rows)):
        for at in range(turn % 2, len(rows) - 1, 2):
            rows[at], rows[at + 1] = np.minimum(rows[at], rows[at + 1]), np.maximum(rows[at], rows[at + 1])
    ranked, count = np.array(rows), chosen.sum(axis=0)
    every = np.arange(values.shape[1], dtype=np.int64)
    below = ranked[np.maximum(count - 1, 0) // 2, every]
    above = below if lower else ranked[np.minimum(count // 2, len(rows) - 1), every]
    return np.where(count > 0, 0.5 * below + 0.5 * above, np.nan)


def _refuse(venue: VenueSeries) -> None:
    if venue.venue not in EXCHANGES:
        raise InvalidInput(f"venue {venue.venue!r} is none of {', '.join(EXCHANGES)}")
    if not 0 < venue.weight < np.inf:
        raise InvalidInput(f"weight of {venue.venue} is {venue.weight}, must be positive and finite")
    if venue.quoted is not None and not np.array_equal(venue.quoted.ts_ms, venue.series.ts_ms):
        raise InvalidInput(f"candles of {venue.venue} as quoted and as converted are not of the same minutes")
    off = venue.series.ts_ms % MINUTE_MS != 0
    if off.any():
        opened = int(venue.series.ts_ms[np.argmax(off)])
        raise InvalidInput(f"candle of {venue.venue} at {opened} ms does not open on a whole minute")


def _column(venues: Sequence[VenueSeries], name: str, places: Sequence[IntArray], shape: tuple[int, ...]) -> FloatArray:
    grid = np.full(shape, np.nan)
    for row, (venue, place) in enumerate(zip(venues, places, strict=True)):
        values: FloatArray = getattr(venue.series, name)
        grid[row, place] = values[~venue.series.filled]
    return grid
