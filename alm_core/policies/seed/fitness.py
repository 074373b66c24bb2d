"""Fitness of the reference system (its section 6.1). Volatility per bar is prepared once per series."""

import math
from dataclasses import dataclass

import numpy as np

from alm_core.forces.compiled import compiled
from alm_core.forces.indicators import volatility_force
from alm_core.model.candles import FloatArray
from alm_core.policies.seed.candles import Columns
from alm_core.policies.seed.params import EPOCH_SECONDS, SECONDS_PER_YEAR, Vector, clamped
from alm_core.policies.seed.ranges import bounds_divergence, width_frac

MIN_BARS = 20
TRAIN_FRAC = 0.8
OVERFIT_RATIO = 0.8
TRAILING_BARS = 24
MIN_SHIFT_GAP = 4
SWAP_FRICTION = 0.001
START_VOLATILITY = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedVenue:
    """What the reference knows of the pool it simulates."""

    base_apr: float
    pool_fee: float
    gas_cost_usd: float
    position_value_usd: float

    @property
    def figures(self) -> tuple[float, float, float, float]:
        """The fields as floats, in order."""
        return float(self.base_apr), float(self.pool_fee), float(self.gas_cost_usd), float(self.position_value_usd)


@compiled
def trailing_volatility(high: FloatArray, low: FloatArray, close: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return Parkinson volatility per bar and volatility force of every bar's last 25 bars, each of shape (n,)."""
    count = close.shape[0]
    sigma, force = np.zeros(count), np.zeros(count)
    squares, usable = np.zeros(count), np.zeros(count, dtype=np.bool_)
    for bar in range(count):
        usable[bar] = low[bar] > 0.0 and high[bar] > 0.0
        if usable[bar]:
            squares[bar] = math.log(high[bar] / low[bar]) ** 2
    for bar in range(1, count):
        start = max(0, bar - TRAILING_BARS)
        total, used, ranged = 0.0, 0, False
        for row in range(start, bar + 1):
            total += squares[row]
            used += usable[row]
            ranged = ranged or (high[row] > low[row] and low[row] > 0.0)
        if used >= 2:
            sigma[bar] = math.sqrt(total / (4.0 * used * math.log(2.0)))
        if ranged:
            force[bar] = volatility_force(sigma[bar])
        else:
            force[bar] = _spread_force(close[start : bar + 1])
    return sigma, force


@compiled
def _spread_force(close: FloatArray) -> float:
    """Volatility force of bars without a range: deviation of the closes in percent of their mean."""
    mean = 0.0
    for price in close:
        mean += price
    mean /= close.shape[0]
    if not mean > 0.0:
        return 0.0
    squares = 0.0
    for price in close:
        squares += (price - mean) ** 2
    return min(100.0, 100.0 * math.sqrt(squares / close.shape[0]) / mean)


@compiled
def _simulated(
    close: FloatArray, sigma: FloatArray, force: FloatArray, vector: Vector, venue: tuple[float, float, float, float]
) -> float:
    low, high, exponent, divider, threshold = vector
    base_apr, pool_fee, gas_usd, value_usd = venue
    count = close.shape[0]
    if count < 2:
        return 0.0
    half = close[0] * max(width_frac(START_VOLATILITY, low, high, exponent, divider), low)
    lower, upper = close[0] - half, close[0] + half
    fee = lvr = cost = 0.0
    shifted_at = -5
    for bar in range(count):
        price = close[bar]
        if lower <= price <= upper:
            fee += base_apr
            span = math.sqrt(upper) - math.sqrt(lower)
            if span > 1e-18:
                lvr += sigma[bar] ** 2 / 2.0 * math.sqrt(price) / span * (EPOCH_SECONDS / SECONDS_PER_YEAR)
        if bar - shifted_at < MIN_SHIFT_GAP:
            continue
        half = price * max(width_frac(force[bar], low, high, exponent, divider), low)
        if bounds_divergence(lower, upper, price - half, price + half) > threshold:
            cost += gas_usd + (2.0 * pool_fee + SWAP_FRICTION) * (1.0 + force[bar] / 100.0) * value_usd
            lower, upper, shifted_at = price - half, price + half, bar
    yearly = SECONDS_PER_YEAR / (count * EPOCH_SECONDS)
    paid = cost / value_usd * yearly if value_usd > 0.0 else 0.0
    return fee / count - lvr * yearly - paid


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeedTape:
    """Training and validation part of a series with volatility prepared; each part starts cold."""

    train: tuple[FloatArray, FloatArray, FloatArray]
    validation: tuple[FloatArray, FloatArray, FloatArray]
    count: int


def split_rows(count: int) -> tuple[slice, slice]:
    """Return the rows of the training part, four fifths, and of the validation part."""
    cut = math.floor(TRAIN_FRAC * count)
    return slice(0, cut), slice(cut, None)


def seed_tape(columns: Columns) -> SeedTape:
    """Return the tape of M15 bars."""
    _, _, high, low, close, _ = columns
    train, validation = (
        (close[rows], *trailing_volatility(high[rows], low[rows], close[rows])) for rows in split_rows(close.shape[0])
    )
    return SeedTape(train=train, validation=validation, count=close.shape[0])


def fitness(tape: SeedTape, vector: Vector, venue: SeedVenue) -> float:
    """Return the value on the validation part, or minus infinity for short or overfitted series."""
    if tape.count < MIN_BARS:
        return -math.inf
    point, figures = clamped(vector), venue.figures
    train = _simulated(*tape.train, point, figures)
    validation = _simulated(*tape.validation, point, figures)
    if train > 0 and validation < OVERFIT_RATIO * train:
        return -math.inf
    return validation
