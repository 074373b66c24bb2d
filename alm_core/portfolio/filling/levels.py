"""Water-filling under a single limit: the one price at which the pools take exactly that much."""

import math
from collections.abc import Sequence

from alm_core.portfolio.filling.vessels import Vessel

ROUNDING_FRAC = 1e-12
MAX_STEPS = 200


def level(vessels: Sequence[Vessel], limit_usd: float, start_apr: float = 0.0) -> tuple[float, list[float]]:
    r"""Return the lowest price :math:`\lambda \ge 0` at which pools take at most a limit together, and what they take.

    Parameters
    ----------
    vessels
        Pools.
    limit_usd
        Most they may take, positive.
    start_apr
        Price of a similar problem, to start from; 0 for none.

    Notes
    -----
    What they take, :math:`\sum_i x_i(\lambda)`, falls, and above every pool's first dollar it is 0: the root is
    bracketed, and found by Newton steps inside the bracket, halving it where they close in too slowly (rtsafe; Press et
    al., *Numerical Recipes*, 9.4). Where pools are almost linear what they take falls by much from one float to the
    next: at such a price anything in between is as good, and each takes the part that meets the limit.

    Examples
    --------
    >>> pool = Vessel(pool_id="a", fees_usd=100.0, active_usd=100.0, times=1.0, lvr_apr=0.0, held_frac=1.0, cap_usd=1e9)
    >>> price, (amount,) = level([pool], 100.0)
    >>> round(price, 12), round(amount, 9)
    (0.25, 100.0)
    """
    most, over, fall = _taken(vessels, 0.0, limit_usd)
    if over <= ROUNDING_FRAC * limit_usd:
        return 0.0, most
    low, high = 0.0, max(vessel.top_apr for vessel in vessels)
    price = start_apr if start_apr > 0.0 else over / fall if fall > 0.0 else high
    price = price if price < high else high / 2.0
    step = last = high
    for _ in range(MAX_STEPS):
        amounts, over, fall = _taken(vessels, price, limit_usd)
        if abs(over) <= ROUNDING_FRAC * limit_usd:
            return price, amounts
        low, high, most = (price, high, amounts) if over > 0.0 else (low, price, most)
        newton = price + over / fall if fall > 0.0 else math.nan
        if low < newton < high and abs(newton - price) <= abs(last) / 2.0:
            last, step, price = step, newton - price, newton
        else:
            last, step, price = step, (high - low) / 2.0, (low + high) / 2.0
        if price in (low, high):
            break
    return high, _between(most, _taken(vessels, high, limit_usd)[0], limit_usd)


def _taken(vessels: Sequence[Vessel], price_apr: float, limit_usd: float) -> tuple[list[float], float, float]:
    """Amounts taken at a price, by how much they exceed the limit, and how fast they fall as it rises."""
    taken = [vessel.response(price_apr) for vessel in vessels]
    amounts = [amount for amount, _ in taken]
    return amounts, math.fsum(amounts) - limit_usd, math.fsum(fall for _, fall in taken)


def _between(most: Sequence[float], least: Sequence[float], limit_usd: float) -> list[float]:
    """Amounts between two that meet the limit."""
    above, below = math.fsum(most), math.fsum(least)
    part = (limit_usd - below) / (above - below) if above > below else 0.0
    return [low + part * (high - low) for high, low in zip(most, least, strict=True)]
