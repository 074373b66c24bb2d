"""Composite forces at every quarter hour of a long history, from its quarter hours alone."""

import numpy as np

from alm_core.forces.aggregation import aggregate
from alm_core.forces.timeframes import BASE_MINUTES, TIMEFRAMES, rolling_bar_forces
from alm_core.model.candles import MINUTE_MS, CandleSeries, FloatArray


def composite_at_quarters(bars: CandleSeries) -> FloatArray:
    """Return volatility, momentum, trend and annual sigma at the close of every quarter hour, shape (n, 4).

    Parameters
    ----------
    bars
        Complete quarter hours of minute candles, oldest first: ``aggregate(minutes, 15)``. A year of them is a
        fifteenth of its minutes, so that long histories can be read in parts.

    Returns
    -------
    FloatArray
        What :func:`alm_core.forces.signals.compute_force_signals` says at the epoch of each close. A timeframe counts
        from its second complete bar on; the other weights are scaled up until then. Rows where none counts are NaN.

    Examples
    --------
    >>> composite_at_quarters(CandleSeries.empty()).shape
    (0, 4)
    """
    close_ms = bars.ts_ms + BASE_MINUTES * MINUTE_MS
    total, weights = np.zeros((len(bars), 4)), np.zeros((len(bars), 1))
    for timeframe in TIMEFRAMES:
        longer = aggregate(bars, timeframe.minutes, of_minutes=BASE_MINUTES)
        forces = rolling_bar_forces(longer.high, longer.low, longer.close, timeframe.minutes, timeframe.bars)
        last = np.searchsorted(longer.ts_ms + timeframe.minutes * MINUTE_MS, close_ms, side="right") - 1
        counted = last >= 1
        total[counted] += timeframe.weight * forces[last[counted]]
        weights[counted] += timeframe.weight
    with np.errstate(invalid="ignore"):
        return total / weights
