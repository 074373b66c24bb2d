"""Fitness of the reference system (its section 6.1). Volatility per bar is prepared once per series."""

import math
from dataclasses import dataclass

import numpy as np

from alm_core.forces.compiled import compiled
from alm_core.forces.indicators import parkinson_sigma, volatility_force
from alm_core.model.candles import FloatArray
from alm_core.policies.seed.candles import Columns
from alm_core.policies.seed.params import EPOCH_SECONDS, SECONDS_PER_YEAR, Vector, clamped
from alm_core.policies.seed.ranges import width_frac
from alm_core.ranges.range import bounds_divergence

MIN_BARS = 20
TRAIN_FRAC = 0.8
OVERFIT_RATIO = 0.8
TRAILING_BARS = 24
MIN_SHIFT_GAP = 4
SWAP_FRICTION = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedVenue:
    """What the reference knows of the pool it simulates."""

    base_apr: float
    pool_fee: float
    gas_cost_usd: float
    position_value_usd: float


@compiled
def _trailing(high: FloatArray, low: FloatArray, close: FloatArray) -> tuple[FloatArray, FloatArray]:
    count = close.shape[0]
    sigma = np.zeros(count)
    force = np.zeros(count)
    for bar in range(count):
        start = max(0, bar - TRAILING_BARS)
        if bar == 0:
            continue
        sigma[bar] = parkinson_sigma(high[start : bar + 1], low[start : bar + 1])
        ranged = False
        for row in range(start, bar + 1):
            ranged = ranged or (high[row] > low[row] and low[row] > 0.0)
        window = close[start : bar + 1]
        if ranged:
            force[bar] = volatility_force(sigma[bar])
        elif window.mean() > 0.0:
            force[bar] = min(100.0, max(0.0, 100.0 * window.std() / window.mean()))
    return sigma, force


@compiled
def _simulated(
    close: FloatArray, sigma: FloatArray, force: FloatArray, vector: Vector, venue: tuple[float, float, float, float]
) -> float:
    low, high, exponent, divider, threshold = vector
    base_apr, pool_fee, gas_usd, value_usd = venue
    count = close.shape[0]
    if count < 2:
        return 0.0
    half = close[0] * max(width_frac(50.0, low, high, exponent, divider), low)
    lower, upper = close[0] - half, close[0] + half
    fee = lvr = cost = 0.0
    shifted_at = -5
    for bar in range(count):
        price = close[bar]
        half = price * max(width_frac(force[bar], low, high, exponent, divider), low)
        if lower <= price <= upper:
            fee += base_apr
            span = math.sqrt(upper) - math.sqrt(lower)
            if span > 1e-18:
                lvr += sigma[bar] ** 2 / 2.0 * math.sqrt(price) / span * (EPOCH_SECONDS / SECONDS_PER_YEAR)
        far = bounds_divergence(lower, upper, price - half, price + half) > threshold
        if far and bar - shifted_at >= MIN_SHIFT_GAP:
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


def seed_tape(columns: Columns) -> SeedTape:
    """Return the tape of M15 bars."""
    _, _, high, low, close, _ = columns
    cut = math.floor(TRAIN_FRAC * close.shape[0])
    parts = [
        (close[rows], *_trailing(high[rows], low[rows], close[rows])) for rows in (slice(0, cut), slice(cut, None))
    ]
    return SeedTape(train=parts[0], validation=parts[1], count=close.shape[0])


def fitness(tape: SeedTape, vector: Vector, venue: SeedVenue) -> float:
    """Return the value on the validation part, or minus infinity for short or overfitted series."""
    if tape.count < MIN_BARS:
        return -math.inf
    point = clamped(vector)
    figures = (venue.base_apr, venue.pool_fee, venue.gas_cost_usd, venue.position_value_usd)
    train = _simulated(*tape.train, point, figures)
    validation = _simulated(*tape.validation, point, figures)
    if train > 0 and validation < OVERFIT_RATIO * train:
        return -math.inf
    return validation
