"""Forces of the reference system (its section 4): same indicators, its own fallbacks and composition."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from alm_core.forces.indicators import (
    RSI_PERIOD,
    parkinson_sigma,
    relative_strength,
    trend_averages,
    trend_force,
    volatility_force,
)
from alm_core.forces.timeframes import TIMEFRAMES
from alm_core.model.candles import FloatArray
from alm_core.policies.seed.candles import Columns, aggregate
from alm_core.policies.seed.params import (
    MOMENTUM_LOOKBACK,
    NEUTRAL,
    TREND_LOOKBACK,
    VOLATILITY_LOOKBACK,
    SeedForces,
)

FLAT_RSI = 100.0
"""A flat series counts as overbought there."""
MIN_CANDLES = 11


def moving_averages(values: FloatArray, period: int) -> FloatArray:
    """Return the simple moving average of every full window; empty where there is none."""
    if period < 1 or values.shape[0] < period:
        return np.empty(0)
    return np.lib.stride_tricks.sliding_window_view(values, period).mean(axis=1)


def volatility(high: FloatArray, low: FloatArray, close: FloatArray, lookback: int) -> tuple[float, float, float]:
    """Return the volatility force with mean and population deviation of the closes in the window."""
    high, low, close = high[-lookback:], low[-lookback:], close[-lookback:]
    if close.shape[0] < 2:
        return 0.0, 0.0, 0.0
    mean, std = float(close.mean()), float(close.std())
    if bool(((high > low) & (low > 0)).any()):
        return volatility_force(parkinson_sigma(high, low)), mean, std
    return (min(100.0, max(0.0, 100.0 * std / mean)) if mean > 0 else 0.0), mean, std


def momentum(close: FloatArray, lookback: int) -> tuple[float, int, int]:
    """Return the RSI with the numbers of rising and falling closes in the window."""
    if close.shape[0] < 2:
        return 50.0, 0, 0
    force = relative_strength(close, min(RSI_PERIOD, lookback), FLAT_RSI)
    steps = np.diff(close[-(min(lookback, close.shape[0] - 1) + 1) :])
    return min(100.0, max(0.0, force)), int((steps > 0).sum()), int((steps < 0).sum())


def forces_of(
    columns: Columns, lookbacks: tuple[int, int, int] = (VOLATILITY_LOOKBACK, MOMENTUM_LOOKBACK, TREND_LOOKBACK)
) -> SeedForces:
    """Return the forces of the last bar of one timeframe; ``lookbacks`` are volatility, momentum, trend."""
    _, _, high, low, close, _ = columns
    force, mean, std = volatility(high, low, close, lookbacks[0])
    strength, up, down = momentum(close, lookbacks[1])
    short, long = trend_averages(close, lookbacks[2])
    trend = trend_force(short, long) if min(lookbacks[2], close.shape[0]) >= 4 else 50.0
    return SeedForces(
        volatility=force, mean=mean, std=std, momentum=strength, up=up, down=down, trend=trend, ma0=short, ma1=long
    )


def composite_forces(minutes: Columns) -> SeedForces:
    """Return the weighted sum of the forces on M15, H1 and H4; neutral for ten minutes or fewer."""
    if minutes[0].shape[0] < MIN_CANDLES:
        return NEUTRAL
    parts = [
        (timeframe.weight, forces_of(last_rows(aggregate(minutes, timeframe.minutes), timeframe.bars)))
        for timeframe in TIMEFRAMES
    ]
    return SeedForces(
        **{
            field.name: sum(weight * getattr(part, field.name) for weight, part in parts)
            for field in fields(SeedForces)
        }
    )


def last_rows(columns: Columns, count: int) -> Columns:
    """Return the last rows of every column."""
    ts, opened, high, low, close, volume = columns
    return ts[-count:], opened[-count:], high[-count:], low[-count:], close[-count:], volume[-count:]


def columns_from(rows: Sequence[Sequence[float]]) -> Columns:
    """Return columns from six sequences of numbers."""
    ts, opened, high, low, close, volume = (np.asarray(column, dtype=np.float64) for column in rows)
    return ts, opened, high, low, close, volume
