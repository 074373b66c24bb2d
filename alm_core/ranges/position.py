"""What liquidity in a range is worth and holds, in floats, for rates and simulation. Never for calldata."""

import math

from alm_core.forces.compiled import compiled

EPOCH_WAIT_YEARS = 450.0 / 31_557_600.0
"""Mean time between the price leaving a range and the next epoch."""


@compiled
def clamped(price: float, lower: float, upper: float) -> float:
    """Return the price, or the bound it has passed."""
    return min(max(price, lower), upper)


@compiled
def value_per_liquidity(price: float, lower: float, upper: float) -> float:
    r"""Return the value in quote of one unit of liquidity in ``[lower, upper]``.

    Notes
    -----
    In range :math:`2\sqrt P - \sqrt{P_a} - P/\sqrt{P_b}` (Uniswap v3 whitepaper, 6.29-6.30 summed at price P).
    """
    at = math.sqrt(clamped(price, lower, upper))
    base = 1.0 / at - 1.0 / math.sqrt(upper)
    return base * price + (at - math.sqrt(lower))


@compiled
def concentration(price: float, lower: float, upper: float) -> float:
    r"""Return how many times the liquidity of a full range the same capital gives in ``[lower, upper]``.

    Notes
    -----
    :math:`c = 2\sqrt P / V(P)` with V the value of one unit of liquidity; 1 for the full range. Fees and LVR of a
    position are ``c`` times those of the full range while the price is inside.
    """
    return 2.0 * math.sqrt(price) / value_per_liquidity(price, lower, upper)


@compiled
def base_share(price: float, lower: float, upper: float) -> float:
    """Return the share of a position's value that is base, 0..1: 1 below the range, 0 above it."""
    at = math.sqrt(clamped(price, lower, upper))
    base = (1.0 / at - 1.0 / math.sqrt(upper)) * price
    return base / (base + (at - math.sqrt(lower)))


@compiled
def lvr_rate(sigma_annual_frac: float) -> float:
    r"""Return the loss versus rebalancing of a full range, per year, as a fraction of its value.

    Notes
    -----
    :math:`\sigma^2/8` (Milionis, Moallemi, Roughgarden, Zhang 2022); a range bears ``concentration`` times it.
    """
    return sigma_annual_frac**2 / 8.0


@compiled
def residence_years(price: float, lower: float, upper: float, sigma_annual_frac: float) -> float:
    r"""Return the expected time until the price first leaves the range; 0 outside, infinite without volatility.

    Notes
    -----
    Exit time of Brownian motion in log price: :math:`\ln(P/P_a)\,\ln(P_b/P) / \sigma^2`.
    """
    if price <= lower or price >= upper:
        return 0.0
    if sigma_annual_frac == 0.0:
        return math.inf
    return math.log(price / lower) * math.log(upper / price) / sigma_annual_frac**2


@compiled
def occupancy(residence: float, horizon: float) -> float:
    """Return the expected share of a horizon before the first exit, ``T (1 - exp(-H/T)) / H``, 0..1."""
    if residence == 0.0:
        return 0.0
    if math.isinf(residence):
        return 1.0
    return residence * -math.expm1(-horizon / residence) / horizon


@compiled
def standing_rate(rate: float, residence: float, horizon: float, shift_cost_frac: float) -> float:
    r"""Return what a freshly placed range earns per year, net, if it is looked after.

    Parameters
    ----------
    rate
        Net rate per year while the price is inside.
    residence
        Expected years until the price first leaves the range.
    horizon
        Years over which an action is judged.
    shift_cost_frac
        Cost of shifting the range once, relative to the capital.

    Notes
    -----
    The better of two ways to hold it: leave it alone, earning until the first exit within the horizon; or shift it
    each time the price has left, which by renewal-reward earns :math:`(r T - k) / (T + D)` with D the mean wait for the
    next epoch, half a quarter hour.
    """
    if residence == 0.0:
        return 0.0
    alone = rate * occupancy(residence, horizon)
    if math.isinf(residence):
        return alone
    renewed = (rate * residence - shift_cost_frac) / (residence + EPOCH_WAIT_YEARS)
    return max(alone, renewed)
