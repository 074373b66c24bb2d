"""Constants and parameters of the reference system (its section 1.2)."""

from dataclasses import dataclass, replace

from alm_core.model.signals import RangeParams
from alm_core.policies.seed.ieee import within

VOLATILITY_LOOKBACK = 24
MOMENTUM_LOOKBACK = 24
TREND_LOOKBACK = 36
SECONDS_PER_YEAR = 31_557_600
EPOCH_SECONDS = 900
EPOCHS_PER_YEAR = SECONDS_PER_YEAR / EPOCH_SECONDS
MIN_HOLD_MS = 12 * 3_600_000
MIN_APR_GAIN = 0.005
PRA_GAS_MULTIPLE = 1.5
RS_GAS_MULTIPLE = 2.0
AMORTIZE_YEARS = 7 / 365
GAS_COST_USD = 0.5
"""Of any transaction on any chain."""
POSITION_VALUE_USD = 10_000.0
"""What fitness, gates and water-fill take for the capital, whatever it is."""
STABLE_TOKENS = frozenset({"USDC", "USDT", "DAI", "FRAX", "LUSD", "TUSD", "BUSD"})
DEFAULTS = RangeParams(
    base_min_frac=0.0005, base_max_frac=0.028, vforce_exp=-0.4, vforce_divider=300.0, rs_threshold=0.25
)
LOWER_BOUNDS = (1e-4, 5e-3, -1.0, 50.0, 0.1)
UPPER_BOUNDS = (5e-3, 0.1, -0.05, 1000.0, 0.35)

Vector = tuple[float, float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedForces:
    """The reference's forces; fields besides the three forces are what it stores with them."""

    volatility: float
    mean: float
    std: float
    momentum: float
    up: float
    down: float
    trend: float
    ma0: float
    ma1: float


def params_from_vector(vector: Vector) -> RangeParams:
    """Return the parameters of a search vector, clamped to the bounds."""
    low, high, exponent, divider, threshold = clamped(vector)
    return replace(
        DEFAULTS,
        base_min_frac=low,
        base_max_frac=high,
        vforce_exp=exponent,
        vforce_divider=divider,
        rs_threshold=threshold,
    )


def vector_from_params(params: RangeParams) -> Vector:
    """Return the search vector of parameters."""
    return (
        params.base_min_frac,
        params.base_max_frac,
        params.vforce_exp,
        params.vforce_divider,
        params.rs_threshold,
    )


def clamped(vector: Vector) -> Vector:
    """Return the vector within the bounds."""
    a, b, c, d, e = map(within, vector, LOWER_BOUNDS, UPPER_BOUNDS)
    return a, b, c, d, e
