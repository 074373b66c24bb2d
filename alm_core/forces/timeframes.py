"""Forces on one timeframe and their composition over M15, H1 and H4."""

from dataclasses import dataclass

import numpy as np

from alm_core.forces.compiled import compiled
from alm_core.forces.indicators import (
    RSI_PERIOD,
    parkinson_sigma,
    relative_strength,
    return_sigma,
    trend_averages,
    trend_force,
    volatility_force,
)
from alm_core.model.candles import FloatArray

VOLATILITY_LOOKBACK = 24
TREND_LOOKBACK = 36
MINUTES_PER_YEAR = 525_960.0
BASE_MINUTES = 15
BARS_LOOKED_AT = max(VOLATILITY_LOOKBACK, TREND_LOOKBACK, 5 * RSI_PERIOD + 1)
"""Bars that :func:`bar_forces` depends on: with more before them its answer is the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeframe:
    """A bar length, the number of bars looked at, and the weight in the composite."""

    name: str
    minutes: int
    bars: int
    weight: float


TIMEFRAMES = (
    Timeframe(name="M15", minutes=15, bars=96, weight=0.3),
    Timeframe(name="H1", minutes=60, bars=168, weight=0.4),
    Timeframe(name="H4", minutes=240, bars=180, weight=0.3),
)


@compiled
def bar_forces(high: FloatArray, low: FloatArray, close: FloatArray, minutes: int) -> tuple[float, float, float, float]:
    r"""Return volatility, momentum and trend force and the annual sigma of the last bar.

    Parameters
    ----------
    high, low, close : shape (n,)
        Bars of one timeframe, oldest first.
    minutes
        Length of a bar.

    Notes
    -----
    Sigma per bar is brought to a quarter hour, :math:`\sigma \sqrt{15/m}`, before the sigmoid, because the scale 60
    was tuned there: one volatility gives one force on every timeframe. A flat series has momentum 50.
    """
    start = max(0, high.shape[0] - VOLATILITY_LOOKBACK)
    sigma = parkinson_sigma(high[start:], low[start:])
    if sigma == 0.0:
        sigma = return_sigma(close[start:])
    averages = trend_averages(close, TREND_LOOKBACK)
    return (
        volatility_force(sigma * np.sqrt(BASE_MINUTES / minutes)),
        relative_strength(close, RSI_PERIOD, 50.0),
        trend_force(averages[0], averages[1]),
        sigma * np.sqrt(MINUTES_PER_YEAR / minutes),
    )


@compiled
def rolling_bar_forces(high: FloatArray, low: FloatArray, close: FloatArray, minutes: int, bars: int) -> FloatArray:
    """Return :func:`bar_forces` as seen at the close of every bar, shape (n, 4); rows with one bar only are NaN."""
    count = close.shape[0]
    out = np.empty((count, 4))
    for row in range(count):
        start = max(0, row + 1 - bars)
        if row == 0:
            out[row] = np.nan
            continue
        forces = bar_forces(high[start : row + 1], low[start : row + 1], close[start : row + 1], minutes)
        for column in range(4):
            out[row, column] = forces[column]
    return out
