"""Minutes into longer bars, cut at absolute boundaries (multiples of the period since 1970)."""

from dataclasses import dataclass

import numpy as np

from alm_core.forces.compiled import compiled
from alm_core.model.candles import MINUTE_MS, BoolArray, CandleSeries, FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bars:
    """Bars, and how much of each was seen.

    Parameters
    ----------
    series : shape (n,)
        ``ts_ms`` is the opening boundary; ``filled`` is true where every minute of the bar was filled.
    length
        Minutes of a whole bar.
    minutes : shape (n,)
        Minutes present in each bar, filled ones included.
    real : shape (n,)
        Minutes of each bar that were not filled.
    """

    series: CandleSeries
    length: int
    minutes: IntArray
    real: IntArray

    @property
    def complete(self) -> BoolArray:
        """Bars that no minute is missing from: neither cut off at an end nor with a hole inside, shape (n,)."""
        return self.minutes == self.length

    def __len__(self) -> int:
        return len(self.series)

    def rows(self, selection: slice | IntArray) -> "Bars":
        """Return a selection of bars."""
        return Bars(
            series=self.series.rows(selection),
            length=self.length,
            minutes=self.minutes[selection],
            real=self.real[selection],
        )


def bars_from_minutes(series: CandleSeries, length: int) -> Bars:
    """Return every bar that has a minute, each with what was seen of it.

    Parameters
    ----------
    series
        Minute candles, ascending.
    length
        Minutes of a bar: 15, 60 or 240 for M15, H1 and H4.

    Examples
    --------
    >>> from alm_core.model.candles import CandleSeries
    >>> len(bars_from_minutes(CandleSeries.empty(), 15))
    0
    """
    if len(series) == 0:
        nothing = np.zeros(0, dtype=np.int64)
        return Bars(series=series, length=length, minutes=nothing, real=nothing)
    length_ms = length * MINUTE_MS
    keys = series.ts_ms // length_ms * length_ms
    starts = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1))
    after = np.append(starts[1:], len(series))
    bars = CandleSeries(
        ts_ms=keys[starts],
        open=series.open[starts],
        high=np.maximum.reduceat(series.high, starts),
        low=np.minimum.reduceat(series.low, starts),
        close=series.close[after - 1],
        volume=np.add.reduceat(series.volume, starts),
        filled=np.logical_and.reduceat(series.filled, starts),
    )
    real = np.add.reduceat((~series.filled).astype(np.int64), starts)
    return Bars(series=bars, length=length, minutes=after - starts, real=real)


def aggregate(
    series: CandleSeries, minutes: int, *, keep_incomplete: bool = False, of_minutes: int = 1
) -> CandleSeries:
    """Return bars of ``minutes`` minutes.

    Parameters
    ----------
    series
        Minute candles, ascending.
    minutes
        Length of a bar.
    keep_incomplete
        Keep a first bar whose beginning and a last bar whose end were not seen. Left out by default: the range of
        half a bar is not the range of a bar, and its close is not final. Bars with a hole inside are kept in any
        case; :func:`bars_from_minutes` tells which they are.
    of_minutes
        Length of the candles given, a divisor of ``minutes``: bars of bars are bars of their minutes.

    Returns
    -------
    CandleSeries
        ``ts_ms`` is the opening boundary; ``filled`` is true where every minute of the bar was filled.

    Examples
    --------
    >>> from alm_core.model.candles import CandleSeries
    >>> len(aggregate(CandleSeries.empty(), 15))
    0
    """
    bars = bars_from_minutes(series, minutes).series
    if keep_incomplete or len(bars) == 0:
        return bars
    length_ms = minutes * MINUTE_MS
    first = 1 if series.ts_ms[0] >= bars.ts_ms[0] + MINUTE_MS else 0
    last_complete = series.ts_ms[-1] + of_minutes * MINUTE_MS >= bars.ts_ms[-1] + length_ms
    return bars.rows(slice(first, len(bars) if last_complete else len(bars) - 1))


@compiled
def latest_bars(
    ts_ms: IntArray, high: FloatArray, low: FloatArray, close: FloatArray, minutes: int, most: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return high, low and close of the last bars of :func:`aggregate`, at most so many, oldest first.

    Parameters
    ----------
    ts_ms, high, low, close : shape (n,)
        Minute candles, ascending.
    minutes
        Length of a bar.
    most
        Bars wanted. Only minutes of these are looked at: a decision needs days of a history of a month.
    """
    length_ms = minutes * MINUTE_MS
    bars = np.empty((3, most))
    first = most
    row = ts_ms.shape[0] - 1
    if row >= 0 and ts_ms[row] + MINUTE_MS < (ts_ms[row] // length_ms + 1) * length_ms:
        # The end of the last bar was not seen.
        start_ms = ts_ms[row] // length_ms * length_ms
        while row >= 0 and ts_ms[row] >= start_ms:
            row -= 1
    while row >= 0 and first > 0:
        start_ms = ts_ms[row] // length_ms * length_ms
        bar_close, bar_high, bar_low = close[row], high[row], low[row]
        while row >= 0 and ts_ms[row] >= start_ms:
            bar_high, bar_low = max(bar_high, high[row]), min(bar_low, low[row])
            row -= 1
        if row < 0 and ts_ms[0] >= start_ms + MINUTE_MS:
            break  # the beginning of the first bar was not seen
        first -= 1
        bars[0, first], bars[1, first], bars[2, first] = bar_high, bar_low, bar_close
    return bars[0, first:], bars[1, first:], bars[2, first:]
