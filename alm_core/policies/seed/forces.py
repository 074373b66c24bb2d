"""Forces of the reference system (its section 4): same indicators, its own fallbacks and composition."""

import math
from dataclasses import fields

import numpy as np

from alm_core.forces.compiled import compiled
from alm_core.forces.indicators import RSI_PERIOD, TREND_SCALE, parkinson_sigma, relative_strength, volatility_force
from alm_core.forces.timeframes import TIMEFRAMES
from alm_core.model.candles import FloatArray
from alm_core.policies.seed.candles import Columns, aggregate, last_rows
from alm_core.policies.seed.ieee import added, within
from alm_core.policies.seed.params import (
    MOMENTUM_LOOKBACK,
    TREND_LOOKBACK,
    VOLATILITY_LOOKBACK,
    SeedForces,
)

FLAT_RSI = 100.0
"""A flat series counts as overbought there."""
MIN_CANDLES = 11
NEUTRAL = SeedForces(volatility=0.0, mean=0.0, std=0.0, momentum=50.0, up=0, down=0, trend=50.0, ma0=0.0, ma1=0.0)


@compiled
def moving_averages(values: FloatArray, period: int) -> FloatArray:
    """Return the simple moving average of every full window; empty where there is none.

    The sum is carried along as in the reference, rounding errors with it.
    """
    count = values.shape[0]
    if period < 1 or count < period:
        return np.empty(0)
    averages = np.empty(count - period + 1)
    total = 0.0
    for row in range(period):
        total += values[row]
    averages[0] = total / period
    for row in range(period, count):
        total += values[row] - values[row - period]
        averages[row - period + 1] = total / period
    return averages


def mean_and_deviation(values: FloatArray) -> tuple[float, float]:
    """Return mean and population deviation; 0 and 0 of nothing."""
    count = values.shape[0]
    if count == 0:
        return 0.0, 0.0
    plain: list[float] = values.tolist()
    mean = added(plain) / count
    return mean, math.sqrt(added((value - mean) * (value - mean) for value in plain) / count)


def volatility(high: FloatArray, low: FloatArray, close: FloatArray, lookback: int) -> tuple[float, float, float]:
    """Return the volatility force with mean and population deviation of the closes in the window."""
    high, low, close = high[-lookback:], low[-lookback:], close[-lookback:]
    if close.shape[0] < 2:
        return 0.0, 0.0, 0.0
    mean, std = mean_and_deviation(close)
    if bool(((high > low) & (low > 0)).any()):
        return volatility_force(parkinson_sigma(high, low)), mean, std
    return (within(100.0 * std / mean, 0.0, 100.0) if mean > 0 else 0.0), mean, std


def momentum(close: FloatArray, lookback: int) -> tuple[float, int, int]:
    """Return the RSI with the numbers of rising and falling closes in the window."""
    if close.shape[0] < 2:
        return 50.0, 0, 0
    force = relative_strength(close, min(RSI_PERIOD, lookback), FLAT_RSI)
    steps = np.diff(close[-(min(lookback, close.shape[0] - 1) + 1) :])
    return within(force, 0.0, 100.0), int((steps > 0).sum()), int((steps < 0).sum())


def trend(close: FloatArray, lookback: int) -> tuple[float, float, float]:
    """Return the trend force with its short and long moving average, a third and two thirds of the window."""
    window = min(lookback, close.shape[0])
    if window < 4:
        last = float(close[-1]) if close.shape[0] else 0.0
        return 50.0, last, last
    short = float(moving_averages(close, window // 3)[-1])
    long = float(moving_averages(close, 2 * window // 3)[-1])
    force = within(50.0 + (short - long) / long * TREND_SCALE, 0.0, 100.0) if long > 0 else 50.0
    return force, short, long


def forces_of(
    columns: Columns, lookbacks: tuple[int, int, int] = (VOLATILITY_LOOKBACK, MOMENTUM_LOOKBACK, TREND_LOOKBACK)
) -> SeedForces:
    """Return the forces of the last bar of one timeframe; ``lookbacks`` are volatility, momentum, trend."""
    _, _, high, low, close, _ = columns
    force, mean, std = volatility(high, low, close, lookbacks[0])
    strength, up, down = momentum(close, lookbacks[1])
    direction, short, long = trend(close, lookbacks[2])
    return SeedForces(
        volatility=force, mean=mean, std=std, momentum=strength, up=up, down=down, trend=direction, ma0=short, ma1=long
    )


def timeframe_forces(minutes: Columns) -> dict[str, SeedForces]:
    """Return the forces of M15, H1 and H4, bars that are not over included."""
    return {
        timeframe.name: forces_of(last_rows(aggregate(minutes, timeframe.minutes), timeframe.bars))
        for timeframe in TIMEFRAMES
    }


def composite_forces(minutes: Columns) -> SeedForces:
    """Return the weighted sum of the forces on M15, H1 and H4; neutral for ten minutes or fewer."""
    return NEUTRAL if minutes[0].shape[0] < MIN_CANDLES else composed(timeframe_forces(minutes))


def composed(parts: dict[str, SeedForces]) -> SeedForces:
    """Return the weighted sum of every field over the timeframes."""
    weighted = [(timeframe.weight, parts[timeframe.name]) for timeframe in TIMEFRAMES]
    return SeedForces(
        **{
            field.name: added(weight * getattr(part, field.name) for weight, part in weighted)
            for field in fields(NEUTRAL)
        }
    )
