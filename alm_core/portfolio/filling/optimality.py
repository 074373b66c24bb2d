"""Whether amounts are optimal: the conditions of Karush, Kuhn and Tucker, with their kinks, measured."""

import math
from collections.abc import Sequence

from alm_core.portfolio.filling.vessels import Group, Vessel

AT_FRAC = 1e-9
"""An amount this near to a kink or bound counts as at it."""
FLOOR_APR = 1e-6
"""A yield this small is none, nor is the price of a limit."""
DUST_USD = 1e-9
"""An amount this small is none; a limit this small closes its pools."""


def kkt_residual_frac(
    vessels: Sequence[Vessel],
    amounts_usd: Sequence[float],
    row_prices_apr: Sequence[float],
    groups: Sequence[Group],
    group_prices_apr: Sequence[float],
) -> float:
    r"""Return the largest violation of the optimality conditions, relative to the largest yield or price.

    Parameters
    ----------
    vessels, amounts_usd, row_prices_apr
        Pools, their capital, and what a dollar costs in each, the sum of the prices of its groups.
    groups, group_prices_apr
        Limits and their prices.

    Notes
    -----
    For :math:`\max \sum_i \phi_i(x_i)` with :math:`0 \le x_i \le X_i`, :math:`\sum_{i \in g} x_i \le G_g` (Boyd,
    Vandenberghe, 5.5.3 and its example 5.2, with subgradients in place of gradients):

    - stationarity: :math:`\phi_i'(x_i^+) \le p_i \le \phi_i'(x_i^-)`, without the left part at the cap (what it leaves
      is the cap's own multiplier) and without the right part at 0;
    - feasibility: :math:`\sum_{i \in g} x_i \le G_g`, relative to :math:`G_g`; :math:`\lambda_g \ge 0`;
    - complementary slackness: :math:`\lambda_g (G_g - \sum_{i \in g} x_i) = 0`, relative to :math:`G_g`.

    They are sufficient, since every :math:`\phi_i` is concave. Amounts or prices that are not numbers miss them by
    infinity.
    """
    if not all(map(math.isfinite, (*amounts_usd, *row_prices_apr))):
        return math.inf
    gross = [vessel.gross_apr(amount) for vessel, amount in zip(vessels, amounts_usd, strict=True)]
    scale = max([FLOOR_APR, *gross, *row_prices_apr])
    worst = 0.0
    for vessel, amount, price in zip(vessels, amounts_usd, row_prices_apr, strict=True):
        right, left = slopes_apr(vessel, amount)
        worst = max(worst, (right - price) / scale, (price - left) / scale)
    for group, price in zip(groups, group_prices_apr, strict=True):
        if math.isinf(group.limit_usd):
            continue
        total = math.fsum(amounts_usd[row] for row in group.rows)
        limit = group.limit_usd if group.limit_usd > DUST_USD else 0.0
        slack = (limit - total) / max(limit, DUST_USD)
        worst = max(worst, -slack, -price / scale, slack * price / scale)
    return worst


def slopes_apr(vessel: Vessel, amount_usd: float) -> tuple[float, float]:
    """Return what the next dollar in would add and the last dollar out would take, after moving costs, per year.

    At the cap no dollar goes in, at 0 none comes out: minus and plus infinity. At the kink they differ.
    """
    kept, slope = vessel.kept_usd, vessel.marginal_apr(amount_usd)
    tolerance = max(DUST_USD, AT_FRAC * max(kept, amount_usd))
    left = slope + vessel.exit_apr if amount_usd <= kept + tolerance else slope - vessel.entry_apr
    right = -math.inf if amount_usd >= vessel.cap_usd - tolerance else next_apr(vessel, amount_usd)
    return right, left if amount_usd > DUST_USD else math.inf


def next_apr(vessel: Vessel, amount_usd: float) -> float:
    """Return what the next dollar in would add per year, after moving costs, if no cap held it back."""
    brings_back = amount_usd < vessel.held_usd * (1.0 - AT_FRAC)
    return vessel.marginal_apr(amount_usd) + (vessel.exit_apr if brings_back else -vessel.entry_apr)
