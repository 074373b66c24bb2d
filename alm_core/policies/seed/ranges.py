"""Range and ticks of the reference system (its section 5): volatility narrows, token order and decimals are ignored."""

import math
from dataclasses import replace

from alm_core.forces.compiled import compiled
from alm_core.model.signals import PriceRange, RangeParams
from alm_core.policies.seed.ieee import divided, within

TICK_BASE_LOG = math.log(1.0001)
MAX_THRESHOLD = 0.9


@compiled
def width_frac(volatility: float, low: float, high: float, exponent: float, divider: float) -> float:
    """Return the half width as a fraction of the price; it falls as volatility rises."""
    return low + (high - low) * math.exp(exponent * volatility / divider)


def confidence_and_bias(volatility: float, momentum: float, trend: float) -> tuple[float, float]:
    """Return confidence, not yet clamped, and bias; ``|m - 50|`` below 1 amplifies both."""
    confidence = 100.0 * math.exp(-0.03 * (volatility - 15.0))
    distance = abs(momentum - 50.0) or 1.0
    if 40.0 < trend < 60.0:
        bias = (trend - 50.0) / 50.0 * (confidence / 100.0)
        if momentum > 60.0 or momentum < 40.0:
            confidence /= distance * 5.0
        return confidence, bias
    bias = (trend - 50.0) / 100.0
    if (momentum > 50.0 and trend > 50.0) or (momentum < 50.0 and trend < 50.0):
        return confidence, bias * math.exp(0.015 * abs(momentum - 50.0))
    return confidence / (distance * 5.0), bias / (distance * 3.0)


def compute_range(price: float, forces: tuple[float, float, float], params: RangeParams) -> PriceRange:
    """Return the range for volatility, momentum and trend force around a price."""
    volatility, _, trend = forces
    confidence, bias = confidence_and_bias(*forces)
    width = price * width_frac(
        volatility, params.base_min_frac, params.base_max_frac, params.vforce_exp, params.vforce_divider
    )
    stretch = 1.0 + abs(bias)
    below = above = width
    if bias > 0.0:
        below, above = width / stretch, width * stretch
    elif bias < 0.0:
        below, above = width * stretch, width / stretch
    lower, upper = price - below, price + above
    return PriceRange(
        lower=lower,
        upper=upper,
        base=price,
        breadth_frac=divided(upper - lower, price),
        confidence=within(confidence, 0.0, 100.0),
        trend_bias=bias,
        kind="neutral" if 40.0 < trend < 60.0 else "bullish" if trend >= 60.0 else "bearish",
    )


def widened(params: RangeParams, factor: float) -> RangeParams:
    """Return parameters as a volume anomaly widens them; the reference writes them into its defaults, so they add up.

    Examples
    --------
    >>> widened(RangeParams(base_min_frac=0.001, base_max_frac=0.02), 1.5).base_max_frac
    0.03
    """
    if factor == 1.0:
        return params
    return replace(
        params,
        base_min_frac=params.base_min_frac * factor,
        base_max_frac=params.base_max_frac * factor,
        rs_threshold=min(params.rs_threshold * factor, MAX_THRESHOLD),
    )


@compiled
def bounds_divergence(lower: float, upper: float, target_lower: float, target_upper: float) -> float:
    """Return how far a target lies from a range, in widths of the range, at most 1."""
    width = upper - lower
    target_width = target_upper - target_lower
    if width == 0.0:
        return 0.0 if target_width == 0.0 else 1.0
    shift = abs((lower + upper) / 2.0 - (target_lower + target_upper) / 2.0)
    return min(1.0, abs(target_width - width) / width + shift / width)


def price_to_tick(price: float) -> int:
    """Return the tick at or below a price taken as it is, without decimals or token order."""
    return math.floor(math.log(max(price, 1e-18)) / TICK_BASE_LOG)


def tick_to_price(tick: int) -> float:
    """Return ``1.0001 ** tick``."""
    return 1.0001**tick


def range_to_ticks(lower: float, upper: float, spacing: int) -> tuple[int, int]:
    """Return the ticks of a range, aligned outwards."""
    return align_down(price_to_tick(lower), spacing), align_up(price_to_tick(upper), spacing)


def align_down(tick: int, spacing: int) -> int:
    """Return the multiple of ``spacing`` at or below a tick."""
    return tick // spacing * spacing


def align_up(tick: int, spacing: int) -> int:
    """Return the multiple of ``spacing`` at or above a tick."""
    return -(-tick // spacing) * spacing
