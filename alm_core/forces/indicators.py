"""Indicators on bars of one timeframe. Formulas of the reference system, section 4; compiled, no allocation."""

import math

from alm_core.forces.compiled import compiled
from alm_core.model.candles import FloatArray

SIGMOID_SCALE = 60.0
TREND_SCALE = 1000.0
RSI_PERIOD = 14


@compiled
def parkinson_sigma(high: FloatArray, low: FloatArray) -> float:
    r"""Return the Parkinson volatility per bar.

    Parameters
    ----------
    high, low : shape (n,)
        Extremes of the bars. Bars with a price that is not positive are left out.

    Returns
    -------
    float
        Standard deviation of the log return of one bar; 0 for fewer than two usable bars.

    Notes
    -----
    :math:`\sigma^2 = \frac{1}{4 n \ln 2} \sum \ln(h_i/l_i)^2` (Parkinson 1980).

    Examples
    --------
    >>> import numpy as np
    >>> round(parkinson_sigma(np.array([1.01, 1.01]), np.array([1.0, 1.0])), 6)
    0.005976
    """
    total = 0.0
    used = 0
    for row in range(high.shape[0]):
        if low[row] > 0.0 and high[row] > 0.0:
            total += math.log(high[row] / low[row]) ** 2
            used += 1
    if used < 2:
        return 0.0
    return math.sqrt(total / (4.0 * used * math.log(2.0)))


@compiled
def return_sigma(close: FloatArray) -> float:
    """Return the root mean square of the log returns, per bar; 0 for fewer than two bars."""
    count = close.shape[0]
    if count < 2:
        return 0.0
    total = 0.0
    for row in range(1, count):
        total += math.log(close[row] / close[row - 1]) ** 2
    return math.sqrt(total / (count - 1))


@compiled
def volatility_force(sigma: float) -> float:
    """Return ``100 (1 - exp(-60 sigma))``: volatility per bar squeezed into 0..100."""
    return min(100.0, max(0.0, 100.0 * (1.0 - math.exp(-SIGMOID_SCALE * sigma))))


@compiled
def relative_strength(values: FloatArray, period: int, flat: float) -> float:
    """Return the RSI of the last value with Wilder smoothing, 0..100.

    Parameters
    ----------
    values : shape (n,)
        Closes, oldest first. At most the last ``5 * period + 1`` matter.
    period
        Smoothing period.
    flat
        Answer for values that never change (the formula is 0/0 there).

    Returns
    -------
    float
        50 for fewer than ``period + 1`` values.
    """
    count = values.shape[0]
    if count < period + 1:
        return 50.0
    first = max(1, count - 5 * period)
    gain = 0.0
    loss = 0.0
    for row in range(first, first + period):
        delta = values[row] - values[row - 1]
        gain += max(delta, 0.0)
        loss += max(-delta, 0.0)
    gain /= period
    loss /= period
    for row in range(first + period, count):
        delta = values[row] - values[row - 1]
        gain = (gain * (period - 1) + max(delta, 0.0)) / period
        loss = (loss * (period - 1) + max(-delta, 0.0)) / period
    if loss == 0.0:
        return flat if gain == 0.0 else 100.0
    return 100.0 - 100.0 / (1.0 + gain / loss)


@compiled
def trailing_average(values: FloatArray, count: int) -> float:
    """Return the mean of the last ``count`` values."""
    total = 0.0
    for row in range(values.shape[0] - count, values.shape[0]):
        total += values[row]
    return total / count


@compiled
def trend_averages(close: FloatArray, lookback: int) -> tuple[float, float]:
    """Return the short and the long moving average: a third and two thirds of the window.

    Fewer than four bars have no trend: both are the last close (0 without bars).
    """
    window = min(lookback, close.shape[0])
    if window < 4:
        last = close[-1] if close.shape[0] > 0 else 0.0
        return last, last
    return trailing_average(close, window // 3), trailing_average(close, (2 * window) // 3)


@compiled
def trend_force(short: float, long: float) -> float:
    """Return ``50 + 1000 (short - long) / long`` clamped to 0..100; 50 where there is no price."""
    if long <= 0.0:
        return 50.0
    return min(100.0, max(0.0, 50.0 + TREND_SCALE * (short - long) / long))
