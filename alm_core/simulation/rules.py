"""Rules of a simulated position, those of live decisions: what a bar covers, a range earns, a shift gains."""

from alm_core.forces.compiled import compiled
from alm_core.ranges.position import concentration, lvr_rate, occupancy, residence_years, standing_rate


@compiled
def covered_share(low: float, high: float, lower: float, upper: float) -> float:
    """Return the share of a bar's span that a range covers, 0..1."""
    if high <= low:
        return 1.0 if lower <= low < upper else 0.0
    return max(0.0, min(high, upper) - max(low, lower)) / (high - low)


@compiled
def net_rate(times: float, full_range_apr: float, capital_share: float, lvr_apr: float) -> float:
    """Return fees, diluted by the position itself, less LVR, per year in range, for ``times`` concentration."""
    return times * (full_range_apr / (1.0 + capital_share * times) - lvr_apr)


@compiled
def rate_inside(
    price: float, lower: float, upper: float, sigma: float, venue: tuple[float, float, float, float]
) -> float:
    """Return the net rate of a range while the price is inside.

    ``venue`` is ``(full_range_apr, capital_share, lvr_weight, horizon_years)``.
    """
    return net_rate(concentration(price, lower, upper), venue[0], venue[1], venue[2] * lvr_rate(sigma))


@compiled
def shift_gain(
    price: float,
    held: tuple[float, float],
    target: tuple[float, float],
    sigma: float,
    venue: tuple[float, float, float, float],
    shift_cost_frac: float,
) -> float:
    """Return what shifting now earns more than waiting, per year, before the cost of this shift.

    The rule of the live decision (:func:`alm_core.portfolio.placements.pool_income_usd`): a held range earns until the
    price first leaves it and is worth a fresh one from then on; one that the price has left earns nothing.
    """
    stay = residence_years(price, target[0], target[1], sigma)
    fresh = standing_rate(rate_inside(price, target[0], target[1], sigma, venue), stay, venue[3], shift_cost_frac)
    if price <= held[0] or price >= held[1]:
        return fresh
    first = occupancy(residence_years(price, held[0], held[1], sigma), venue[3])
    now = first * rate_inside(price, held[0], held[1], sigma, venue) + (1.0 - first) * max(0.0, fresh)
    return fresh - now
