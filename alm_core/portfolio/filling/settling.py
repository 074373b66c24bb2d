"""Exact amounts: what a search has left over or spent too much by rounding is taken along the pools' slopes."""

import math
from collections.abc import Mapping, Sequence

from alm_core.portfolio.filling.cholesky import Cholesky
from alm_core.portfolio.filling.optimality import FLOOR_APR
from alm_core.portfolio.filling.vessels import Group, Vessel

STEPS = 6
SNAP_FRAC = 1e-10
EXACT_FRAC = 1e-15
FLAT_FRAC = 1e-10
"""Bend of a part where every dollar is worth the same, relative to its yield over its width."""


def settled(
    vessels: Sequence[Vessel], groups: Sequence[Group], amounts_usd: Sequence[float], prices_apr: Sequence[float]
) -> tuple[list[float], list[float]]:
    r"""Return amounts that meet every priced limit to the last digit, and prices that fit them.

    Parameters
    ----------
    vessels, groups
        Pools, and limits whose ``rows`` index them.
    amounts_usd
        Nearly optimal amounts; those at 0, at what is held or at a cap stay there.
    prices_apr
        Nearly optimal prices; limits with a price are taken to bind.

    Notes
    -----
    Newton's method on :math:`\phi_i'(x_i) = p_i` for the pools in between that pay a price, and
    :math:`\sum_{i \in g} x_i = G_g` for the limits with a price. Amounts are unknowns next to prices: where income is
    almost linear, all digits of a price are only a few of an amount. At the end amounts are cut where a limit is still
    exceeded, which keeps all others.
    """
    amounts = [_snapped(vessel, amount) for vessel, amount in zip(vessels, amounts_usd, strict=True)]
    prices = list(prices_apr)
    priced = [number for number, price in enumerate(prices) if price > 0.0]
    pinned = {row for number in priced for row in groups[number].rows}
    bounds = {
        row: _bounds(vessels[row], amounts[row]) for row in sorted(pinned) if not _at_rest(vessels[row], amounts[row])
    }
    if bounds:
        for _ in range(STEPS):
            if not _stepped(vessels, groups, amounts, prices, priced, bounds):
                break
    for group in groups:
        total = math.fsum(amounts[row] for row in group.rows)
        if total > group.limit_usd * (1.0 + 1e-12):
            for row in group.rows:
                amounts[row] *= group.limit_usd / total
    return amounts, prices


def _snapped(vessel: Vessel, amount: float) -> float:
    """What is within rounding of what is held or of the cap is there."""
    near = (rest for rest in (vessel.kept_usd, vessel.cap_usd) if abs(amount - rest) <= SNAP_FRAC * rest < math.inf)
    return next(near, amount)


def _at_rest(vessel: Vessel, amount: float) -> bool:
    return amount in (0.0, vessel.kept_usd, vessel.cap_usd)


def _bounds(vessel: Vessel, amount: float) -> tuple[float, float]:
    return (0.0, vessel.kept_usd) if amount < vessel.kept_usd else (vessel.kept_usd, vessel.cap_usd)


def _stepped(
    vessels: Sequence[Vessel],
    groups: Sequence[Group],
    amounts: list[float],
    prices: list[float],
    priced: Sequence[int],
    bounds: Mapping[int, tuple[float, float]],
) -> bool:
    """Take one Newton step in place; false if there was nothing left to do."""
    gross = max(
        [FLOOR_APR, *prices, *(vessel.gross_apr(amount) for vessel, amount in zip(vessels, amounts, strict=True))]
    )
    most = max(groups[number].limit_usd for number in priced)
    gaps = {
        row: vessels[row].marginal_apr(amounts[row])
        + (vessels[row].exit_apr if low < vessels[row].kept_usd else -vessels[row].entry_apr)
        - math.fsum(prices[number] for number in priced if row in groups[number].rows)
        for row, (low, _) in bounds.items()
    }
    soft = {
        row: 1.0 / max(vessels[row].bend(amounts[row]), FLAT_FRAC * gross / min(high - low, most))
        for row, (low, high) in bounds.items()
    }
    over = [math.fsum(amounts[row] for row in groups[number].rows) - groups[number].limit_usd for number in priced]
    exact = all(abs(excess) <= EXACT_FRAC * groups[n].limit_usd for excess, n in zip(over, priced, strict=True))
    if exact and all(abs(gap) <= EXACT_FRAC * gross for gap in gaps.values()):
        return False
    among = [[row for row in bounds if row in groups[number].rows] for number in priced]
    matrix = [
        [math.fsum(soft[row] for row in among[g] if row in groups[priced[h]].rows) for h in range(g + 1)]
        for g in range(len(priced))
    ]
    right = [
        math.fsum(soft[row] * gaps[row] for row in rows) + excess for rows, excess in zip(among, over, strict=True)
    ]
    changes = dict(zip(priced, Cholesky(matrix).solve(right), strict=True))
    for row, (low, high) in bounds.items():
        pull = gaps[row] - math.fsum(change for number, change in changes.items() if row in groups[number].rows)
        amounts[row] = min(max(amounts[row] + soft[row] * pull, low), high)
    for number, change in changes.items():
        prices[number] = max(0.0, prices[number] + change)
    return True
