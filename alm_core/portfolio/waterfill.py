"""Water-filling: capital over pools so that the last dollar earns the same everywhere it may still go."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from alm_core.model.errors import InvalidInput
from alm_core.portfolio.filling.multipliers import prices_of_rows
from alm_core.portfolio.filling.optimality import AT_FRAC, DUST_USD, FLOOR_APR, kkt_residual_frac, next_apr
from alm_core.portfolio.filling.selection import Rule, filled_part, parts
from alm_core.portfolio.filling.vessels import Group, Vessel

KKT_TOLERANCE = 1e-6
BINDING_FRAC = 1e-9
"""A limit whose price is smaller than this share of the yields does not bind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """Result of water-filling.

    Parameters
    ----------
    amounts_usd
        Capital per vessel, in the order given. What was held stays to the last bit where moving it does not pay.
    multipliers_apr
        By name of a limit, what one more dollar of it would earn per year: of groups, and of vessels' caps
        (``<cap name> <pool id>``). Only limits that bind.
    unmoved
        Rows that keep what they hold, or stay empty, only because moving costs more than it brings.
    left_out
        By row, the rule for which a vessel got nothing: ``max_positions``, or ``least``.
    kkt_residual_frac
        Largest violation of the optimality conditions among the vessels not left out, relative to their yields.
    success, reason
        Whether the amounts are optimal, and why not. Without success the amounts are what is held.
    """

    amounts_usd: tuple[float, ...]
    multipliers_apr: Mapping[str, float]
    left_out: Mapping[int, Rule]
    unmoved: tuple[int, ...]
    kkt_residual_frac: float
    success: bool = True
    reason: str = ""

    @property
    def placed_usd(self) -> float:
        """Capital placed; the rest earns more doing nothing."""
        return math.fsum(self.amounts_usd)


def water_fill(vessels: Sequence[Vessel], groups: Sequence[Group]) -> Fill:
    r"""Return the allocation that is worth most: net income less the cost of getting there.

    Parameters
    ----------
    vessels
        Candidate pools, of all chains.
    groups
        Limits on the capital of several pools together: the capital of a chain, caps of families, chains, issuers.

    Raises
    ------
    InvalidInput
        If a figure of a pool or a limit is not a number or negative, or nothing bounds a pool's capital.

    Notes
    -----
    With :math:`\phi_i` of :class:`Vessel`, caps :math:`X_i` and limits :math:`G_g`:

    .. math::

        \max \sum_i \phi_i(x_i), \quad 0 \le x_i \le X_i, \quad \sum_{i \in g} x_i \le G_g

    The classic of water-filling (Boyd, Vandenberghe, *Convex Optimization*, 5.5.3, example 5.2) with several waters: a
    price :math:`\lambda_g \ge 0` per limit, and each pool takes :math:`x_i(p_i)` at the sum :math:`p_i` of its prices
    (:meth:`Vessel.response`; conditions in :func:`kkt_residual_frac`). Moving costs in proportion to what is moved give
    a no-trade region (Magill, Constantinides 1976; Davis, Norman 1990): a pool whose marginal lies between
    :math:`p - z` and :math:`p + e` keeps what it holds.

    A pool that would get less than its ``least_usd`` is left out, the smallest first. While more of a group's pools
    have capital than may, the one whose loss costs least is left out and the rest filled again. That is greedy: the
    best set of a size need not be part of the best larger one. Against all sets it falls short where one large pool
    replaces two small ones that are each worth more than it beside the other.

    Examples
    --------
    >>> pool = Vessel(
    ...     pool_id="a", fees_usd=100.0, active_usd=1000.0, times=1.0, lvr_apr=0.0, held_frac=1.0, cap_usd=800.0
    ... )
    >>> found = water_fill([pool, pool], [Group(name="capital", rows=(0, 1), limit_usd=1000.0)])
    >>> found.amounts_usd, sorted(found.multipliers_apr)
    ((500.0, 500.0), ['capital'])
    """
    _refuse_nonsense(vessels, groups)
    if not vessels:
        return _failed((), 0.0, "no pools")
    amounts, prices, left_out = [0.0] * len(vessels), [0.0] * len(groups), dict[int, Rule]()
    for rows in parts(len(vessels), groups):
        level = filled_part(vessels, groups, rows, left_out)
        for row, amount in level.amounts_usd.items():
            amounts[row] = amount
        for number, price in level.prices_apr.items():
            prices[number] = price
    return _judged(vessels, groups, amounts, prices, left_out)


def _judged(
    vessels: Sequence[Vessel],
    groups: Sequence[Group],
    amounts: Sequence[float],
    prices: Sequence[float],
    left_out: Mapping[int, Rule],
) -> Fill:
    costs = prices_of_rows(groups, prices, len(vessels))
    barred = [replace(vessel, cap_usd=0.0) if row in left_out else vessel for row, vessel in enumerate(vessels)]
    residual = kkt_residual_frac(barred, amounts, costs, groups, prices)
    if not residual <= KKT_TOLERANCE:
        reason = f"prices of the limits were not found: optimality is missed by {residual:.3g} of the yields"
        return _failed([vessel.held_usd for vessel in vessels], residual, reason)
    gross = [vessel.gross_apr(amount) for vessel, amount in zip(vessels, amounts, strict=True)]
    least_apr = max(FLOOR_APR, BINDING_FRAC * max(gross))
    multipliers = _multipliers(vessels, groups, amounts, prices, costs, left_out)
    moving = [vessel.marginal_apr(amount) - cost for vessel, amount, cost in zip(vessels, amounts, costs, strict=True)]
    return Fill(
        amounts_usd=tuple(amounts),
        multipliers_apr={name: price for name, price in multipliers.items() if price > least_apr},
        left_out=dict(left_out),
        unmoved=tuple(
            row
            for row, (vessel, amount) in enumerate(zip(vessels, amounts, strict=True))
            if row not in left_out
            and amount == vessel.held_usd < vessel.cap_usd
            and (moving[row] > least_apr or (amount > 0.0 and moving[row] < -least_apr))
        ),
        kkt_residual_frac=residual,
    )


def _failed(amounts: Sequence[float], residual: float, reason: str) -> Fill:
    return Fill(
        amounts_usd=tuple(amounts),
        multipliers_apr={},
        left_out={},
        unmoved=(),
        kkt_residual_frac=residual,
        success=False,
        reason=reason,
    )


def _multipliers(
    vessels: Sequence[Vessel],
    groups: Sequence[Group],
    amounts: Sequence[float],
    prices: Sequence[float],
    costs: Sequence[float],
    left_out: Mapping[int, Rule],
) -> dict[str, float]:
    found = {group.name: price for group, price in zip(groups, prices, strict=True)}
    for row, (vessel, amount) in enumerate(zip(vessels, amounts, strict=True)):
        if row not in left_out and amount >= vessel.cap_usd * (1.0 - AT_FRAC) - DUST_USD:
            found[f"{vessel.cap_name} {vessel.pool_id}"] = next_apr(vessel, amount) - costs[row]
    return found


def _refuse_nonsense(vessels: Sequence[Vessel], groups: Sequence[Group]) -> None:
    for vessel in vessels:
        vessel.refuse_nonsense()
    for group in groups:
        group.refuse_nonsense()
    bounded = {row for group in groups if math.isfinite(group.limit_usd) for row in group.rows}
    for row, vessel in enumerate(vessels):
        if row not in bounded and math.isinf(vessel.cap_usd):
            raise InvalidInput(f"pool {vessel.pool_id}: neither a cap nor a limit bounds its capital")
