"""Amounts under several limits, and the price of each limit: the dual of water-filling."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from alm_core.portfolio.filling.interior import InteriorPoint
from alm_core.portfolio.filling.levels import ROUNDING_FRAC, level
from alm_core.portfolio.filling.optimality import DUST_USD, kkt_residual_frac
from alm_core.portfolio.filling.settling import settled
from alm_core.portfolio.filling.vessels import Group, Vessel


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """Amounts per vessel, and per group what one more dollar of its limit would earn a year."""

    amounts_usd: list[float]
    prices_apr: list[float]


def solved(vessels: Sequence[Vessel], groups: Sequence[Group], start_apr: Sequence[float]) -> Solved:
    """Return the amounts that are worth most, and the prices that prove it.

    Parameters
    ----------
    vessels
        Pools.
    groups
        Limits; ``rows`` index ``vessels``.
    start_apr
        Prices of a similar problem, one per group, to start from; 0 for none.

    Notes
    -----
    Limits that share no pool have one price each, found alone (:func:`level`). If
    what comes of it respects the other limits it is optimal, with prices 0 for them: without a limit the best can only
    be better. Otherwise those that are exceeded are added and all solved together (:class:`InteriorPoint`), until none
    is. Both ways end in exact amounts (:func:`settled`).
    """
    closed = {row for group in groups if group.limit_usd <= DUST_USD for row in group.rows}
    closed |= {row for row, vessel in enumerate(vessels) if vessel.cap_usd <= DUST_USD}
    rows = [row for row in range(len(vessels)) if row not in closed]
    numbers, inner = _that_can_bind(vessels, groups, rows)
    bounded = [_bounded(vessels[row], [group.limit_usd for group in groups if row in group.rows]) for row in rows]
    found = _under_limits(bounded, inner, [start_apr[number] for number in numbers])
    amounts, prices = [0.0] * len(vessels), [0.0] * len(groups)
    for row, amount in zip(rows, found.amounts_usd, strict=True):
        amounts[row] = amount
    for number, price in zip(numbers, found.prices_apr, strict=True):
        prices[number] = price
    for number, group in enumerate(groups):
        if group.limit_usd <= DUST_USD:
            # The lowest price at which nobody misses the pools that it closes.
            costs = prices_of_rows(groups, prices, len(vessels))
            prices[number] = max([0.0, *(vessels[row].top_apr - costs[row] for row in group.rows)])
    return Solved(amounts_usd=amounts, prices_apr=prices)


def prices_of_rows(groups: Sequence[Group], prices_apr: Sequence[float], rows: int) -> list[float]:
    """Return what a dollar costs in each vessel: the prices of all limits it counts against."""
    costs: list[list[float]] = [[] for _ in range(rows)]
    for group, price in zip(groups, prices_apr, strict=True):
        for row in group.rows:
            costs[row].append(price)
    return [math.fsum(found) for found in costs]


def _bounded(vessel: Vessel, limits_usd: Sequence[float]) -> Vessel:
    """Without a cap, one that is out of reach: a step of a search may look at a pool without its limits."""
    if math.isfinite(vessel.cap_usd):
        return vessel
    return replace(vessel, cap_usd=2.0 * min(limits_usd) + vessel.held_usd)


def _that_can_bind(
    vessels: Sequence[Vessel], groups: Sequence[Group], rows: Sequence[int]
) -> tuple[list[int], list[Group]]:
    """Groups of the given rows, numbered anew, that caps do not keep within their limit; of equal ones the tightest."""
    place = {row: number for number, row in enumerate(rows)}
    tightest: dict[tuple[int, ...], int] = {}
    for number, group in enumerate(groups):
        members = group.renumbered(place).rows
        if not members or group.limit_usd >= math.fsum(vessels[rows[member]].cap_usd for member in members):
            continue
        if members not in tightest or group.limit_usd < groups[tightest[members]].limit_usd:
            tightest[members] = number
    return list(tightest.values()), [groups[n].renumbered(place) for n in tightest.values()]


def _under_limits(vessels: Sequence[Vessel], groups: Sequence[Group], start_apr: Sequence[float]) -> Solved:
    asked = _sharing_nothing(groups)
    found = _apart(vessels, groups, asked, start_apr)
    while exceeded := _exceeded(groups, found.amounts_usd, asked):
        asked = sorted([*asked, *exceeded])
        found = _together(vessels, groups, asked)
    return found


def _sharing_nothing(groups: Sequence[Group]) -> list[int]:
    """Return the first groups that have no pool in common."""
    covered, chosen = set[int](), list[int]()
    for number, group in enumerate(groups):
        if covered.isdisjoint(group.rows):
            covered.update(group.rows)
            chosen.append(number)
    return chosen


def _exceeded(groups: Sequence[Group], amounts: Sequence[float], asked: Sequence[int]) -> list[int]:
    return [
        number
        for number, group in enumerate(groups)
        if number not in asked
        and math.fsum(amounts[row] for row in group.rows) > group.limit_usd * (1.0 + ROUNDING_FRAC)
    ]


def _apart(
    vessels: Sequence[Vessel], groups: Sequence[Group], chosen: Sequence[int], start_apr: Sequence[float]
) -> Solved:
    """Fill under limits that share no pool."""
    apart = [groups[number] for number in chosen]
    taken, prices = [vessel.capital_at(0.0) for vessel in vessels], list[float]()
    for number, group in zip(chosen, apart, strict=True):
        price, amounts = level([vessels[row] for row in group.rows], group.limit_usd, start_apr[number])
        prices.append(price)
        for row, amount in zip(group.rows, amounts, strict=True):
            taken[row] = amount
    amounts, prices = settled(vessels, apart, taken, prices)
    return Solved(amounts_usd=amounts, prices_apr=_spread(prices, chosen, len(groups)))


def _together(vessels: Sequence[Vessel], groups: Sequence[Group], chosen: Sequence[int]) -> Solved:
    """Fill under limits that overlap."""
    joint = [groups[number] for number in chosen]
    point = InteriorPoint(vessels, joint)
    point.run()
    rough = point.amounts_usd(), point.prices
    exact = settled(vessels, joint, *point.snapped())
    amounts, prices = min(exact, rough, key=lambda found: _residual(vessels, joint, *found))
    return Solved(amounts_usd=amounts, prices_apr=_spread(prices, chosen, len(groups)))


def _spread(prices: Sequence[float], numbers: Sequence[int], size: int) -> list[float]:
    spread = [0.0] * size
    for number, price in zip(numbers, prices, strict=True):
        spread[number] = price
    return spread


def _residual(
    vessels: Sequence[Vessel], groups: Sequence[Group], amounts: Sequence[float], prices: Sequence[float]
) -> float:
    return kkt_residual_frac(vessels, amounts, prices_of_rows(groups, prices, len(vessels)), groups, prices)
