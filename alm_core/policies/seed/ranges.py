"""Range and ticks of the reference system (its section 5): volatility narrows, token order and decimals are ignored."""

import math

from alm_core.forces.compiled import compiled
from alm_core.model.signals import PriceRange, RangeParams

TICK_BASE_LOG = math.log(1.0001)


@compiled
def width_frac(volatility: float, low: float, high: float, exponent: float, divider: float) -> float:
    """Return the half width as a fraction of the price; it falls as volatility rises."""
    return low + (high - low) * math.exp(exponent * volatility / divider)


def compute_range(price: float, forces: tuple[float, float, float], params: RangeParams) -> PriceRange:
    """Return the range for volatility, momentum and trend force around a price."""
    volatility, momentum, trend = forces
    confidence = 100.0 * math.exp(-0.03 * (volatility - 15.0))
    bias = (trend - 50.0) / 50.0 * (confidence / 100.0)
    distance = abs(momentum - 50.0) or 1.0
    kind = "neutral"
    if 40.0 < trend < 60.0:
        if momentum > 60.0 or momentum < 40.0:
            confidence /= distance * 5.0
    else:
        kind = "bullish" if trend >= 60.0 else "bearish"
        bias = (trend - 50.0) / 100.0
        if (momentum > 50.0 and trend > 50.0) or (momentum < 50.0 and trend < 50.0):
            bias *= math.exp(0.015 * abs(momentum - 50.0))
        else:
            bias /= distance * 3.0
            confidence /= distance * 5.0
    width = price * width_frac(
        volatility, params.base_min_frac, params.base_max_frac, params.vforce_exp, params.vforce_divider
    )
    stretch = 1.0 + abs(bias)
    below = width * stretch if bias < 0 else width / stretch
    above = width * stretch if bias > 0 else width / stretch
    return PriceRange(
        lower=price - below,
        upper=price + above,
        base=price,
        breadth_frac=(above + below) / price,
        confidence=min(100.0, max(0.0, confidence)),
        trend_bias=bias,
        kind=kind,
    )


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
