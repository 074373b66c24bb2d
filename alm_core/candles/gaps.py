"""Minutes without a trade: filled where short, reported where long."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from alm_core.model.candles import MINUTE_MS, BoolArray, CandleSeries, IntArray, MinuteQuality
from alm_core.model.errors import InvalidInput

MAX_GAP_MINUTES = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Consecutive minutes that stay missing."""

    start_at: datetime
    minutes: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FilledSeries:
    """Series with short gaps filled, and the gaps that were left."""

    series: CandleSeries
    gaps: tuple[Gap, ...]

    @property
    def stale_minutes(self) -> int:
        """Filled minutes at the end: age of the last real price."""
        traded = np.flatnonzero(~self.series.filled)
        return len(self.series) - (int(traded[-1]) + 1 if traded.size else 0)


def fill_gaps(
    series: CandleSeries, start_at: datetime, end_at: datetime, max_gap: int = MAX_GAP_MINUTES
) -> FilledSeries:
    """Complete the minutes in ``[start_at, end_at)`` from the close before each gap.

    Parameters
    ----------
    series
        May begin before ``start_at``: an earlier close fills a gap at the start. Without one such a gap is left.
    start_at, end_at
        Aware times on whole minutes.
    max_gap
        Longest gap that is filled, minutes. Longer ones are left whole.

    Returns
    -------
    FilledSeries
        Filled minutes have all four prices at the previous close, volume 0 and ``filled`` set, and where the series
        has quality no exchange is in it and the spread is NaN.

    Raises
    ------
    InvalidInput
        If the bounds or an open time are not on a whole minute.
    """
    start, end = _minute(start_at), _minute(end_at)
    off = series.ts_ms % MINUTE_MS != 0
    if off.any():
        raise InvalidInput(f"candle at {int(series.ts_ms[np.argmax(off)])} ms does not open on a whole minute")
    series = series.rows(slice(0, int(np.searchsorted(series.ts_ms, end))))
    wanted = np.arange(start, end, MINUTE_MS, dtype=np.int64)
    source: IntArray = np.searchsorted(series.ts_ms, wanted, side="right") - 1
    known = source >= 0
    real = known & (_take(series.ts_ms, source, known) == wanted)
    keep = real | (known & (_gap_lengths(series, source, end) <= max_gap))
    return FilledSeries(series=_rows(series, wanted, source, real, keep), gaps=_gaps(wanted, keep))


def _minute(moment: datetime) -> int:
    if moment.tzinfo is None or moment.second or moment.microsecond:
        raise InvalidInput(f"{moment.isoformat()} is not an aware time on a whole minute")
    return int(moment.timestamp()) * 1000


def _take(values: IntArray, source: IntArray, known: BoolArray) -> IntArray:
    taken = np.full(source.size, -1, dtype=np.int64)
    taken[known] = values[source[known]]
    return taken


def _gap_lengths(series: CandleSeries, source: IntArray, end: int) -> IntArray:
    """Minutes missing between the candle at ``source`` and the next one, those before the start included."""
    if not len(series):
        return np.zeros(source.size, dtype=np.int64)
    following = np.append(series.ts_ms[1:], max(end, int(series.ts_ms[-1]) + MINUTE_MS))
    return ((following - series.ts_ms) // MINUTE_MS - 1)[source]


def _rows(series: CandleSeries, wanted: IntArray, source: IntArray, real: BoolArray, keep: BoolArray) -> CandleSeries:
    rows, is_real = source[keep], real[keep]
    close = series.close[rows]
    return CandleSeries(
        ts_ms=wanted[keep],
        open=np.where(is_real, series.open[rows], close),
        high=np.where(is_real, series.high[rows], close),
        low=np.where(is_real, series.low[rows], close),
        close=close,
        volume=np.where(is_real, series.volume[rows], 0.0),
        filled=~is_real | series.filled[rows],
        quality=None if series.quality is None else _quality(series.quality, rows, is_real),
    )


def _quality(quality: MinuteQuality, rows: IntArray, is_real: BoolArray) -> MinuteQuality:
    return MinuteQuality(
        used=np.where(is_real, quality.used[rows], 0),
        vetoed=np.where(is_real, quality.vetoed[rows], 0),
        spread_bps=np.where(is_real, quality.spread_bps[rows], np.nan),
    )


def _gaps(wanted: IntArray, keep: BoolArray) -> tuple[Gap, ...]:
    missing = np.concatenate([[False], ~keep, [False]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(missing)).reshape(-1, 2)
    return tuple(
        Gap(start_at=datetime.fromtimestamp(int(wanted[first]) / 1000, tz=UTC), minutes=int(after - first))
        for first, after in edges
    )
