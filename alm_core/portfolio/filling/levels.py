"""Water-filling under a single limit: the one price at which the pools take exactly that much."""

import math
from collections.abc import Sequence

from alm_core.portfolio.filling.vessels import Vessel

ROUNDING_FRAC = 1e-12
MAX_STEPS = 200


def level_apr(vessels: Sequence[Vessel], limit_usd: float, start_apr: float = 0.0) -> float:
    r"""Return the lowest price :math:`\lambda \ge 0` at which the pools together take at most a limit.

    Parameters
    ----------
    vessels
        Pools.
    limit_usd
        Most they may take.
    start_apr
        Price of a similar problem, to start from; 0 for none.

    Notes
    -----
    What they take, :math:`\sum_i x_i(\lambda)`, is continuous and falls, and above every pool's first dollar it is 0:
    the root is bracketed, and found by Newton steps inside the bracket, halving it where they close in too slowly
    (rtsafe; Press et al., *Numerical Recipes*, 9.4).

    Examples
    --------
    >>> pool = Vessel(pool_id="a", fees_usd=100.0, active_usd=100.0, times=1.0, lvr_apr=0.0, held_frac=1.0, cap_usd=1e9)
    >>> round(level_apr([pool], 100.0), 12)
    0.25
    """
    over, fall = _excess(vessels, 0.0, limit_usd)
    if over <= ROUNDING_FRAC * limit_usd:
        return 0.0
    low, high = 0.0, max(vessel.top_apr for vessel in vessels)
    level = start_apr if start_apr > 0.0 else over / fall if fall > 0.0 else high
    level = level if level < high else high / 2.0
    step = last = high
    for _ in range(MAX_STEPS):
        over, fall = _excess(vessels, level, limit_usd)
        low, high = (level, high) if over > 0.0 else (low, level)
        if abs(over) <= ROUNDING_FRAC * limit_usd:
            return level
        newton = level + over / fall if fall > 0.0 else math.nan
        if low < newton < high and abs(newton - level) <= abs(last) / 2.0:
            last, step, level = step, newton - level, newton
        else:
            last, step, level = step, (high - low) / 2.0, (low + high) / 2.0
        if level in (low, high):
            break
    return high


def _excess(vessels: Sequence[Vessel], price_apr: float, limit_usd: float) -> tuple[float, float]:
    """Dollars taken beyond the limit at a price, and how fast they fall as it rises."""
    taken = [vessel.response(price_apr) for vessel in vessels]
    return math.fsum(amount for amount, _ in taken) - limit_usd, math.fsum(fall for _, fall in taken)
