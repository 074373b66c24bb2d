"""The price range of the default policy, and how far two ranges lie apart."""

import math
from typing import Literal

from alm_core.forces.compiled import compiled
from alm_core.model.errors import InvalidInput
from alm_core.model.signals import Forces, PriceRange, RangeParams

CRITICAL_VOLATILITY = 15.0
CONFIDENCE_EXP = -0.03
MOMENTUM_CONFIDENCE_DIVIDER = 5.0
TREND_BIAS_EXP = 0.015
TREND_BIAS_DIVIDER = 3.0
OVERSOLD_FROM, OVERBOUGHT_FROM = 40.0, 60.0
BEARISH_FROM, BULLISH_FROM = 40.0, 60.0
MAX_WIDTH_FRAC = 0.45
"""Twice this still leaves the lower bound above zero: a bias stretches one side by at most 2."""


@compiled
def half_width_frac(
    volatility: float, base_min_frac: float, base_max_frac: float, vforce_exp: float, vforce_divider: float
) -> float:
    r"""Return the half width of a range as a fraction of the price; it grows with volatility.

    Notes
    -----
    :math:`w = m + (M - m) \frac{1 - e^{k v}}{1 - e^{100 k}}` with :math:`k` = ``vforce_exp / vforce_divider`` < 0:
    ``m`` at no volatility, ``M`` at full volatility, concave between. The reference used :math:`e^{k v}`, which
    narrows as volatility rises.
    """
    rate = vforce_exp / vforce_divider
    grown = math.expm1(rate * min(100.0, max(0.0, volatility))) / math.expm1(100.0 * rate)
    return base_min_frac + (base_max_frac - base_min_frac) * grown


@compiled
def confidence_and_bias(volatility: float, momentum: float, trend: float) -> tuple[float, float]:
    """Return confidence (0..100) and bias (-1..1, above zero stretches the range upwards)."""
    confidence = min(100.0, 100.0 * math.exp(CONFIDENCE_EXP * (volatility - CRITICAL_VOLATILITY)))
    bias = (trend - 50.0) / 50.0 * confidence / 100.0
    # The reference divides by |m - 50| itself, which amplifies close to 50.
    distance = max(1.0, abs(momentum - 50.0))
    if BEARISH_FROM < trend < BULLISH_FROM:
        if momentum > OVERBOUGHT_FROM or momentum < OVERSOLD_FROM:
            confidence /= distance * MOMENTUM_CONFIDENCE_DIVIDER
        return confidence, bias
    bias = (trend - 50.0) / 100.0
    if (momentum - 50.0) * (trend - 50.0) > 0.0:
        bias *= math.exp(TREND_BIAS_EXP * abs(momentum - 50.0))
    else:
        bias /= distance * TREND_BIAS_DIVIDER
        confidence /= distance * MOMENTUM_CONFIDENCE_DIVIDER
    return confidence, min(1.0, max(-1.0, bias))


@compiled
def range_bounds(price: float, width_frac: float, bias: float) -> tuple[float, float]:
    """Return lower and upper bound; the side the bias points to is stretched, the other shortened by as much."""
    stretch = 1.0 + abs(bias)
    if bias > 0.0:
        return price * (1.0 - width_frac / stretch), price * (1.0 + width_frac * stretch)
    if bias < 0.0:
        return price * (1.0 - width_frac * stretch), price * (1.0 + width_frac / stretch)
    return price * (1.0 - width_frac), price * (1.0 + width_frac)


def price_range(price: float, forces: Forces, params: RangeParams) -> PriceRange:
    """Return the range that the forces ask for around a price.

    Parameters
    ----------
    price
        Quote per base.
    forces
        Composite forces of the epoch.
    params
        The parameters in force.

    Raises
    ------
    InvalidInput
        If the price is not positive and finite, or the parameters give no usable width.

    Examples
    --------
    >>> calm = Forces(volatility=0.0, momentum=50.0, trend=50.0, sigma_annual_frac=0.0)
    >>> found = price_range(2000.0, calm, RangeParams(base_min_frac=0.01, base_max_frac=0.1))
    >>> found.lower, found.upper, found.kind
    (1980.0, 2020.0, 'neutral')
    """
    if not (math.isfinite(price) and price > 0):
        raise InvalidInput(f"price {price} is not a positive finite number: no range can be placed around it")
    check_params(params)
    confidence, bias = confidence_and_bias(forces.volatility, forces.momentum, forces.trend)
    width = half_width_frac(
        forces.volatility, params.base_min_frac, params.base_max_frac, params.vforce_exp, params.vforce_divider
    )
    lower, upper = range_bounds(price, width, bias)
    if not 0 < lower < price < upper:
        raise InvalidInput(f"range [{lower}, {upper}] does not enclose the price {price}: width {width}, bias {bias}")
    return PriceRange(
        lower=lower,
        upper=upper,
        base=price,
        breadth_frac=(upper - lower) / price,
        confidence=confidence,
        trend_bias=bias,
        kind=_kind(forces.trend),
    )


def check_params(params: RangeParams) -> None:
    """Refuse parameters that cannot give a range.

    Raises
    ------
    InvalidInput
        Names the parameter and its value.
    """
    if not 0 < params.base_min_frac <= params.base_max_frac <= MAX_WIDTH_FRAC:
        raise InvalidInput(
            f"base_min_frac {params.base_min_frac} and base_max_frac {params.base_max_frac} must satisfy "
            f"0 < min <= max <= {MAX_WIDTH_FRAC}"
        )
    if not (params.vforce_exp < 0 < params.vforce_divider):
        raise InvalidInput(f"vforce_exp {params.vforce_exp} must be below 0 < vforce_divider {params.vforce_divider}")
    if not 0 < params.rs_threshold <= 1:
        raise InvalidInput(f"rs_threshold {params.rs_threshold} must be in (0, 1]")


@compiled
def bounds_divergence(lower: float, upper: float, target_lower: float, target_upper: float) -> float:
    """Return how far a target lies from a range: change of width plus shift of the middle, in widths, at most 1."""
    width = upper - lower
    target_width = target_upper - target_lower
    if width <= 0.0:
        return 0.0 if target_width <= 0.0 else 1.0
    shift = abs((lower + upper) / 2.0 - (target_lower + target_upper) / 2.0)
    return min(1.0, abs(target_width - width) / width + shift / width)


def divergence(current: tuple[float, float], target: tuple[float, float]) -> float:
    """Return how far ``target`` lies from ``current``, 0 (the same) to 1 (a width or more away).

    Examples
    --------
    >>> divergence((1.0, 2.0), (1.25, 2.25))
    0.25
    """
    return bounds_divergence(current[0], current[1], target[0], target[1])


def _kind(trend: float) -> Literal["neutral", "bullish", "bearish"]:
    if trend >= BULLISH_FROM:
        return "bullish"
    return "bearish" if trend <= BEARISH_FROM else "neutral"
