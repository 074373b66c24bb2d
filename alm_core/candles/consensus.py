"""One series of minutes on which several venues agree."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from alm_core.candles.disagreement import Votes, no_consensus_of
from alm_core.candles.frozen import frozen_minutes_of
from alm_core.candles.grid import PRICE_COLUMNS, VenueGrid, VenueSeries, column_median, venue_grid
from alm_core.model.candles import BoolArray, CandleSeries, FloatArray, IntArray, MinuteQuality, NoConsensus
from alm_core.model.errors import InvalidInput

BPS = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsensusRules:
    """When venues agree, and how far one of them may lead.

    Raises
    ------
    InvalidInput
        If a bound is negative or not finite, or a count is below 1.
    """

    tolerance_bps: float = 10.0
    """Opens and closes of one minute this close agree ..."""
    tolerance_range_frac: float = 0.25
    """... or within this fraction of the median high-low range of the minute: in a fast one last trades differ."""
    clip_bps: float = 1.0
    """How far a venue that agrees may still pull a price away from the median of those that agree."""
    min_sources: int = 2
    """A minute that fewer venues confirm is no consensus."""
    frozen_minutes: int = 5
    """A venue whose candles have been one flat unchanged price for this long ..."""
    frozen_move_bps: float = 2.0
    """... while the median of the others moved by this much is frozen."""

    def __post_init__(self) -> None:
        for name in ("tolerance_bps", "tolerance_range_frac", "clip_bps", "frozen_move_bps"):
            value: float = getattr(self, name)
            if not 0 <= value < np.inf:
                raise InvalidInput(f"consensus rules: {name} is {value}, must be finite and not negative")
        for name in ("min_sources", "frozen_minutes"):
            count: int = getattr(self, name)
            if count < 1:
                raise InvalidInput(f"consensus rules: {name} is {count}, must be at least 1")


DEFAULT_RULES = ConsensusRules()


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueTally:
    """What became of the minutes of a venue, counted over the minutes that any venue has.

    Parameters
    ----------
    used
        Minutes of the consensus its prices are in.
    outlier
        Minutes of the consensus it was left out of because it disagreed. Where there is no consensus nobody can say
        who is wrong, and nobody is counted.
    frozen
        Minutes it had at a frozen price, whether the others agreed or not.
    missing
        Minutes that others have and it has not, or filled itself.
    """

    used: int
    outlier: int
    frozen: int
    missing: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Consensus:
    """Minutes agreed on, with their quality, those that were not, and what each venue contributed."""

    series: CandleSeries
    no_consensus: tuple[NoConsensus, ...]
    tallies: dict[str, VenueTally]


def consensus(venues: Sequence[VenueSeries], rules: ConsensusRules = DEFAULT_RULES) -> Consensus:
    r"""Return the minutes on which most venues agree.

    Per minute, a frozen venue is vetoed. Of the others the anchor is the one with which most agree, one vote each
    whatever the weights; those that agree with it are kept, and they must be more than half and ``min_sources``. Each
    price is then the weighted mean of those kept, each value first brought to within ``clip_bps`` of their median.

    Parameters
    ----------
    venues
        In any order. A minute that a venue filled itself is not a source.
    rules
        With fewer venues than ``min_sources`` nothing is consensus; who has one source only must ask for one.

    Returns
    -------
    Consensus
        ``series`` has real minutes only. Volumes are summed over the venues kept.

    Raises
    ------
    InvalidInput
        If a venue is unknown or there twice, a weight is not positive and finite, or a candle does not open on a
        whole minute.

    Notes
    -----
    While most of the kept are honest the median lies among honest values, so a lie too small to be noticed, or one in
    a wick only, moves a price from there by at most ``clip_bps`` times the liar's share of the weights. The tolerance
    takes the lower median of the ranges: of two venues the one with a wild wick must not widen it.

    High and low are means as well, not extremes over venues: the range estimator would take the spread between venues
    for volatility, and one bad wick for a move.

    Examples
    --------
    >>> result = consensus([])
    >>> len(result.series), result.no_consensus
    (0, ())
    """
    grid = venue_grid(venues)
    if not grid.ts_ms.size:
        nothing = {name: VenueTally(used=0, outlier=0, frozen=0, missing=0) for name in grid.names}
        return Consensus(series=_nothing(), no_consensus=(), tallies=nothing)
    votes = _votes(grid, rules)
    agreed = votes.kept.sum(axis=0) >= votes.needed
    return Consensus(
        series=_agreed_series(grid, votes.kept, agreed, rules),
        no_consensus=no_consensus_of(grid, votes, agreed, rules.min_sources),
        tallies=_tallies(grid, votes, agreed),
    )


def _votes(grid: VenueGrid, rules: ConsensusRules) -> Votes:
    frozen = frozen_minutes_of(grid, rules.frozen_minutes, rules.frozen_move_bps)
    live = grid.present & ~frozen
    middle = column_median(grid.columns["close"], live)
    ranges = column_median(grid.columns["high"] - grid.columns["low"], live, lower=True)
    tolerance = np.maximum(rules.tolerance_bps * BPS * middle, rules.tolerance_range_frac * ranges)
    needed = np.maximum(live.sum(axis=0) // 2 + 1, rules.min_sources)
    kept = _anchored(grid, live, tolerance, middle)
    return Votes(frozen=frozen, live=live, kept=kept, middle=middle, tolerance=tolerance, needed=needed)


def _anchored(grid: VenueGrid, live: BoolArray, tolerance: FloatArray, middle: FloatArray) -> BoolArray:
    """Return who agrees with the venue that most agree with; ties go to weight, then to nearness to the middle."""
    opened, close = grid.columns["open"], grid.columns["close"]
    count = np.zeros(tolerance.size, dtype=np.int64)
    weight, distance = np.zeros(tolerance.size), np.full(tolerance.size, np.inf)
    kept = np.zeros_like(live)
    for row in range(len(grid.names)):
        near = (
            (np.abs(close - close[row]) <= tolerance) & (np.abs(opened - opened[row]) <= tolerance) & live & live[row]
        )
        votes, backing = near.sum(axis=0), np.where(near, grid.weights, 0.0).sum(axis=0)
        away = np.abs(close[row] - middle)
        heavier = (backing > weight) | ((backing == weight) & (away < distance))
        better = (votes > count) | ((votes == count) & (votes > 0) & heavier)
        count, weight, distance = (
            np.where(better, new, old) for new, old in ((votes, count), (backing, weight), (away, distance))
        )
        kept = np.where(better, near, kept)
    return kept


def _agreed_series(grid: VenueGrid, kept: BoolArray, agreed: BoolArray, rules: ConsensusRules) -> CandleSeries:
    rows = np.flatnonzero(agreed)
    if not rows.size:
        return _nothing()
    prices = {name: _price(grid, name, kept, rows, rules.clip_bps * BPS) for name in PRICE_COLUMNS}
    return CandleSeries(
        ts_ms=grid.ts_ms[rows],
        open=prices["open"],
        # Rounding of the mean may leave a close one ulp outside.
        high=np.maximum.reduce([prices["high"], prices["open"], prices["close"]]),
        low=np.minimum.reduce([prices["low"], prices["open"], prices["close"]]),
        close=prices["close"],
        volume=np.where(kept, grid.columns["volume"], 0.0).sum(axis=0)[rows],
        filled=np.zeros(rows.size, dtype=np.bool_),
        quality=_quality(grid, kept, rows, prices["close"]),
    )


def _nothing() -> CandleSeries:
    return replace(CandleSeries.empty(), quality=MinuteQuality.unknown(0))


def _price(grid: VenueGrid, name: str, kept: BoolArray, rows: IntArray, clip_frac: float) -> FloatArray:
    kept = kept[:, rows]
    values = grid.columns[name][:, rows]
    median = column_median(values, kept)
    reach = clip_frac * median
    values = np.clip(values, median - reach, median + reach)
    weights = np.where(kept, grid.weights, 0.0)
    mean = (np.where(kept, values, 0.0) * (weights / weights.sum(axis=0))).sum(axis=0)
    # Rounding again: a mean of equal values is that value.
    return np.clip(mean, np.where(kept, values, np.inf).min(axis=0), np.where(kept, values, -np.inf).max(axis=0))


def _quality(grid: VenueGrid, kept: BoolArray, rows: IntArray, close: FloatArray) -> MinuteQuality:
    kept, closes = kept[:, rows], grid.columns["close"][:, rows]
    spread = np.where(kept, closes, -np.inf).max(axis=0) - np.where(kept, closes, np.inf).min(axis=0)
    return MinuteQuality(
        used=grid.mask(kept), vetoed=grid.mask(grid.present[:, rows] & ~kept), spread_bps=spread / close / BPS
    )


def _tallies(grid: VenueGrid, votes: Votes, agreed: BoolArray) -> dict[str, VenueTally]:
    counted = (votes.kept & agreed, votes.live & ~votes.kept & agreed, votes.frozen, ~grid.present)
    sums = np.array([each.sum(axis=1) for each in counted]).T.tolist()
    return {
        name: VenueTally(used=used, outlier=outlier, frozen=frozen, missing=missing)
        for name, (used, outlier, frozen, missing) in zip(grid.names, sums, strict=True)
    }
