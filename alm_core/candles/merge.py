"""One series of minutes from several venues."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alm_core.model.candles import BoolArray, CandleSeries, FloatArray, IntArray
from alm_core.model.errors import InvalidInput

PRICE_COLUMNS = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VenueSeries:
    """Minutes of one venue and its weight relative to the others."""

    venue: str
    weight: float
    series: CandleSeries


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MergedSeries:
    """Merged minutes, and how many minutes of each venue were vetoed."""

    series: CandleSeries
    vetoed: dict[str, int]
    dropped: int
    """Minutes that had candles but no agreement; they are gaps in ``series``."""


def merge_venues(venues: Sequence[VenueSeries], veto_frac: float = 0.01) -> MergedSeries:
    """Merge venues minute by minute.

    Prices are weighted means over the venues present, and volumes are summed. A venue is vetoed for a minute in which
    one of its prices is further than ``veto_frac`` from the median over venues. With two venues the median lies
    between them, so a disagreement vetoes both: nobody can say which is right.

    Parameters
    ----------
    venues
        Weights must be positive; a venue may lack minutes.
    veto_frac
        Largest distance from the median, relative to it.

    Raises
    ------
    InvalidInput
        If a weight is not positive.

    Notes
    -----
    High and low are means as well, not extremes over venues: the range estimator would take the spread between venues
    for volatility, and one bad wick for a move.

    Examples
    --------
    >>> merge_venues([]).series.ts_ms.size
    0
    """
    for venue in venues:
        if not venue.weight > 0:
            raise InvalidInput(f"weight of {venue.venue} is {venue.weight}, must be positive")
    venues = [venue for venue in venues if len(venue.series)]
    if not venues:
        return MergedSeries(series=CandleSeries.empty(), vetoed={}, dropped=0)
    ts_ms = np.unique(np.concatenate([venue.series.ts_ms for venue in venues]))
    columns = {name: _on_grid(venues, name, ts_ms) for name in (*PRICE_COLUMNS, "volume")}
    present = ~np.isnan(columns["close"])
    kept = present & ~_outliers(columns, veto_frac)
    agreed: BoolArray = np.logical_or.reduce(kept, axis=0)
    return MergedSeries(
        series=_merged(venues, columns, kept, ts_ms, agreed),
        vetoed={venue.venue: int(count) for venue, count in zip(venues, (present & ~kept).sum(axis=1), strict=True)},
        dropped=int((~agreed).sum()),
    )


def _on_grid(venues: Sequence[VenueSeries], name: str, ts_ms: IntArray) -> FloatArray:
    grid = np.full((len(venues), ts_ms.size), np.nan)
    for row, venue in enumerate(venues):
        grid[row, np.searchsorted(ts_ms, venue.series.ts_ms)] = getattr(venue.series, name)
    return grid


def _outliers(columns: dict[str, FloatArray], veto_frac: float) -> BoolArray:
    outlier = np.zeros(columns["close"].shape, dtype=np.bool_)
    for name in PRICE_COLUMNS:
        median = np.nanmedian(columns[name], axis=0)
        outlier |= np.abs(columns[name] - median) > veto_frac * median
    return outlier


def _merged(
    venues: Sequence[VenueSeries], columns: dict[str, FloatArray], kept: BoolArray, ts_ms: IntArray, agreed: BoolArray
) -> CandleSeries:
    weights = np.where(kept, np.array([[venue.weight] for venue in venues]), 0.0)[:, agreed]
    weights = weights / weights.sum(axis=0)
    prices = {name: (np.nan_to_num(columns[name][:, agreed]) * weights).sum(axis=0) for name in PRICE_COLUMNS}
    filled = np.array([_filled_on_grid(venue, ts_ms) for venue in venues])
    unreal: BoolArray = np.logical_and.reduce(filled | ~kept, axis=0)
    return CandleSeries(
        ts_ms=ts_ms[agreed],
        open=prices["open"],
        # Rounding of the mean may leave a close one ulp outside.
        high=np.maximum.reduce([prices["high"], prices["open"], prices["close"]]),
        low=np.minimum.reduce([prices["low"], prices["open"], prices["close"]]),
        close=prices["close"],
        volume=np.where(kept, np.nan_to_num(columns["volume"]), 0.0).sum(axis=0)[agreed],
        filled=unreal[agreed],
    )


def _filled_on_grid(venue: VenueSeries, ts_ms: IntArray) -> BoolArray:
    filled = np.ones(ts_ms.size, dtype=np.bool_)
    filled[np.searchsorted(ts_ms, venue.series.ts_ms)] = venue.series.filled
    return filled
