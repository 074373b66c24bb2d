"""Minutes into longer bars, cut at absolute boundaries (multiples of the period since 1970)."""

import numpy as np

from alm_core.model.candles import MINUTE_MS, CandleSeries


def aggregate(series: CandleSeries, minutes: int, *, keep_incomplete: bool = False) -> CandleSeries:
    """Return bars of ``minutes`` minutes.

    Parameters
    ----------
    series
        Minute candles, ascending.
    minutes
        Length of a bar.
    keep_incomplete
        Keep a first bar whose beginning and a last bar whose end were not seen. Left out by default: the range of
        half a bar is not the range of a bar, and its close is not final.

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
    if len(series) == 0:
        return series
    length_ms = minutes * MINUTE_MS
    keys = series.ts_ms // length_ms * length_ms
    starts = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1))
    ends = np.append(starts[1:], len(series)) - 1
    bars = CandleSeries(
        ts_ms=keys[starts],
        open=series.open[starts],
        high=np.maximum.reduceat(series.high, starts),
        low=np.minimum.reduceat(series.low, starts),
        close=series.close[ends],
        volume=np.add.reduceat(series.volume, starts),
        filled=np.logical_and.reduceat(series.filled, starts),
    )
    if keep_incomplete:
        return bars
    first = 1 if series.ts_ms[0] >= keys[0] + MINUTE_MS else 0
    last_complete = series.ts_ms[-1] + MINUTE_MS >= keys[-1] + length_ms
    return bars.rows(slice(first, len(bars) if last_complete else len(bars) - 1))
