r"""Fitness of the reference system's last version, "HEAD" (its section 6.1).

Fees are concentrated: up to 20 times those of a reference range of half width ``clamp(100 * pool fee, 1 %, 50 %)``.
LVR is charged at annual volatility. What does not depend on the searched vector is prepared once per series, so that
one evaluation is a single pass.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from alm_core.forces.compiled import compiled
from alm_core.model.candles import FloatArray
from alm_core.policies.seed.candles import Columns
from alm_core.policies.seed.fitness import (
    MIN_BARS,
    MIN_SHIFT_GAP,
    OVERFIT_RATIO,
    START_VOLATILITY,
    SWAP_FRICTION,
    SeedVenue,
    split_rows,
    trailing_volatility,
)
from alm_core.policies.seed.ieee import within
from alm_core.policies.seed.nelder_mead import Found, nelder_mead
from alm_core.policies.seed.params import (
    DEFAULTS,
    EPOCH_SECONDS,
    EPOCHS_PER_YEAR,
    LOWER_BOUNDS,
    POSITION_VALUE_USD,
    SECONDS_PER_YEAR,
    UPPER_BOUNDS,
    Vector,
    clamped,
    vector_from_params,
)

MAX_CONCENTRATION = 20.0
MIN_REFERENCE_HALF, MAX_REFERENCE_HALF = 0.01, 0.5
DAYS = 60
"""Of M15 bars that HEAD tunes on."""
RANDOM_STARTS = 2
SEED = 20_260_320
"""HEAD draws its starts from ``Math.random``; ours are reproducible."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeadPart:
    """Columns of one part of a series, each of shape (n,).

    Parameters
    ----------
    close, root
        Price and its square root.
    force
        Volatility force.
    drag
        LVR of a bar in a range whose square-root bounds lie 1 apart: annual variance / 2 * root * years of a bar.
    reference
        Value of a unit of liquidity in the reference range around the bar's price.
    """

    close: FloatArray
    root: FloatArray
    force: FloatArray
    drag: FloatArray
    reference: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeadTape:
    """Training and validation part, prepared for one pool fee; each part starts cold."""

    train: HeadPart
    validation: HeadPart
    count: int
    pool_fee: float


def head_tape(columns: Columns, pool_fee: float) -> HeadTape:
    """Return the tape of M15 bars for a pool with ``pool_fee`` (fraction)."""
    _, _, high, low, close, _ = columns
    half = within(100.0 * pool_fee, MIN_REFERENCE_HALF, MAX_REFERENCE_HALF)
    train, validation = (_part(high[rows], low[rows], close[rows], half) for rows in split_rows(close.shape[0]))
    return HeadTape(train=train, validation=validation, count=close.shape[0], pool_fee=pool_fee)


def head_fitness(tape: HeadTape, vector: Vector, venue: SeedVenue) -> float:
    """Return the value on the validation part, net APR as a fraction.

    Minus infinity for fewer than 20 bars, for a validation part far below the training part, and for one that gains
    where the training part lost.

    Parameters
    ----------
    tape
        Prepared for the pool fee of ``venue``.
    vector
        Clamped to the bounds.
    venue
        A position value that is not positive counts as 10,000 USD.

    Raises
    ------
    ValueError
        If the tape was prepared for another pool fee.
    """
    if tape.pool_fee != venue.pool_fee:
        raise ValueError(f"tape prepared for pool fee {tape.pool_fee}, not {venue.pool_fee}")
    if tape.count < MIN_BARS:
        return -math.inf
    point, figures = clamped(vector), venue.figures
    train = _simulated(_columns(tape.train), point, figures)
    validation = _simulated(_columns(tape.validation), point, figures)
    overfitted = train > 0 and validation < OVERFIT_RATIO * train
    lucky = train <= 0 and validation > 0
    return -math.inf if overfitted or lucky else validation


def head_optimize(tape: HeadTape, venue: SeedVenue, warm_start: Vector | None = None, seed: int = SEED) -> Found:
    """Return the best of three searches of at most 300 evaluations each.

    One starts from the warm start or the defaults, two from points drawn uniformly within the bounds; where none beats
    the defaults, those are returned. ``evaluations`` counts the searches', as the reference counts them.
    """
    defaults = vector_from_params(DEFAULTS)
    objective = _objective(tape, venue)
    random = np.random.default_rng(seed)
    drawn: list[Vector] = [tuple(random.uniform(LOWER_BOUNDS, UPPER_BOUNDS).tolist()) for _ in range(RANDOM_STARTS)]
    runs = [nelder_mead(objective, start) for start in (warm_start or defaults, *drawn)]
    evaluations = sum(run.evaluations for run in runs)
    best = max(runs, key=lambda run: run.fitness)
    baseline = objective(defaults)
    if best.fitness <= baseline:
        return Found(best=defaults, fitness=baseline, evaluations=evaluations)
    return Found(best=best.best, fitness=best.fitness, evaluations=evaluations)


def _objective(tape: HeadTape, venue: SeedVenue) -> Callable[[Vector], float]:
    return lambda vector: head_fitness(tape, vector, venue)


def _part(high: FloatArray, low: FloatArray, close: FloatArray, half: float) -> HeadPart:
    sigma, force = trailing_volatility(high, low, close)
    root = np.sqrt(close)
    years = EPOCH_SECONDS / SECONDS_PER_YEAR
    with np.errstate(invalid="ignore"):  # a price of 0 has no value of liquidity
        reference = 2.0 * root - np.sqrt(close * (1.0 - half)) - close / np.sqrt(close * (1.0 + half))
    return HeadPart(
        close=close,
        root=root,
        force=force,
        drag=(sigma * math.sqrt(EPOCHS_PER_YEAR)) ** 2 / 2.0 * root * years,
        reference=reference,
    )


def _columns(part: HeadPart) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    return part.close, part.root, part.force, part.drag, part.reference


@compiled
def _simulated(
    columns: tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray],
    vector: Vector,
    venue: tuple[float, float, float, float],
) -> float:
    close, root, force, drag, reference = columns
    low, high, exponent, divider, threshold = vector
    base_apr, pool_fee, gas_usd, value_usd = venue
    if not value_usd > 0.0:
        value_usd = POSITION_VALUE_USD
    count = close.shape[0]
    if count < 2:
        return 0.0
    swap_usd = (2.0 * pool_fee + SWAP_FRICTION) * value_usd
    half = close[0] * max(low + (high - low) * math.exp(exponent * START_VOLATILITY / divider), low)
    lower, upper = close[0] - half, close[0] + half
    root_lower, root_upper = math.sqrt(lower), math.sqrt(upper)
    width, middle, span = upper - lower, (lower + upper) / 2.0, root_upper - root_lower
    times = lvr = cost = 0.0
    shifted_at = -5
    for bar in range(count):
        price = close[bar]
        if lower <= price <= upper:
            unit = 2.0 * root[bar] - root_lower - price / root_upper
            times += min(MAX_CONCENTRATION, reference[bar] / unit)
            if span > 1e-18:
                lvr += drag[bar] / span
        if bar - shifted_at < MIN_SHIFT_GAP:
            continue
        half = price * max(low + (high - low) * math.exp(exponent * force[bar] / divider), low)
        below, above = price - half, price + half
        if abs(above - below - width) / width + abs(middle - (below + above) / 2.0) / width > threshold:
            cost += gas_usd + swap_usd * (1.0 + force[bar] / 100.0)
            lower, upper, shifted_at = below, above, bar
            root_lower, root_upper = math.sqrt(lower), math.sqrt(upper)
            width, middle, span = upper - lower, (lower + upper) / 2.0, root_upper - root_lower
    yearly = SECONDS_PER_YEAR / (count * EPOCH_SECONDS)
    return base_apr * times / count - lvr * yearly - cost / value_usd * yearly
