"""Which pools get capital at all: at most so many of a group, and none with less than is worth a position."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from alm_core.portfolio.filling.multipliers import solved
from alm_core.portfolio.filling.vessels import Group, Vessel

Rule = Literal["max_positions", "least"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """Amounts of some rows, and prices of the groups they are in by number; anything else is 0."""

    amounts_usd: Mapping[int, float]
    prices_apr: Mapping[int, float]
    worth_usd: float


def parts(size: int, groups: Sequence[Group]) -> list[list[int]]:
    """Return the rows in sets that share no group: each can be filled by itself.

    Examples
    --------
    >>> parts(4, [Group(name="g", rows=(0, 2), limit_usd=1.0), Group(name="h", rows=(2, 3), limit_usd=1.0)])
    [[0, 2, 3], [1]]
    """
    part_of = list(range(size))
    for group in groups:
        joined = {part_of[row] for row in group.rows}
        part_of = [min(joined) if part in joined else part for part in part_of]
    return [[row for row in range(size) if part_of[row] == part] for part in sorted(set(part_of))]


def filled_part(
    vessels: Sequence[Vessel], groups: Sequence[Group], rows: Sequence[int], left_out: dict[int, Rule]
) -> Level:
    """Fill pools that share limits; enters into ``left_out`` those that get nothing by rule."""
    level = _filled(vessels, groups, rows, {})
    while True:
        funded = [row for row in rows if level.amounts_usd[row] > 0.0]
        small = [row for row in funded if level.amounts_usd[row] < vessels[row].least_usd]
        if small:
            out = min(small, key=lambda row: (level.amounts_usd[row] / vessels[row].least_usd, vessels[row].pool_id))
            rows, left_out[out] = _without(rows, out), "least"
            level = _filled(vessels, groups, rows, level.prices_apr)
            continue
        crowded = [
            among
            for group in groups
            if group.most is not None and len(among := [row for row in funded if row in group.rows]) > group.most
        ]
        if not crowded:
            return level
        out, level = _cheapest_loss(vessels, groups, rows, level, crowded[0])
        rows, left_out[out] = _without(rows, out), "max_positions"


def _cheapest_loss(
    vessels: Sequence[Vessel], groups: Sequence[Group], rows: Sequence[int], level: Level, candidates: Sequence[int]
) -> tuple[int, Level]:
    """Return the candidate that costs least when it is left out, and the level without it.

    By weak duality its loss is at least its own surplus at today's prices: candidates whose surplus exceeds the
    smallest loss found need not be tried.
    """
    surplus = {row: _surplus_usd(vessels[row], row, level, groups) for row in candidates}
    best: tuple[float, int, Level] | None = None
    for row in sorted(candidates, key=lambda row: (surplus[row], vessels[row].pool_id)):
        if best is not None and surplus[row] >= best[0]:
            break
        found = _filled(vessels, groups, _without(rows, row), level.prices_apr)
        loss = level.worth_usd - found.worth_usd - vessels[row].worth_usd(0.0)
        if best is None or loss < best[0]:
            best = loss, row, found
    assert best is not None, "no candidates"
    return best[1], best[2]


def _surplus_usd(vessel: Vessel, row: int, level: Level, groups: Sequence[Group]) -> float:
    amount = level.amounts_usd[row]
    price = math.fsum(level.prices_apr.get(number, 0.0) for number, group in enumerate(groups) if row in group.rows)
    return vessel.worth_usd(amount) - vessel.worth_usd(0.0) - price * amount


def _without(rows: Sequence[int], out: int) -> list[int]:
    return [row for row in rows if row != out]


def _filled(
    vessels: Sequence[Vessel], groups: Sequence[Group], rows: Sequence[int], start_apr: Mapping[int, float]
) -> Level:
    place = {row: number for number, row in enumerate(rows)}
    numbers = [number for number, group in enumerate(groups) if not place.keys().isdisjoint(group.rows)]
    inner = [groups[n].renumbered(place) for n in numbers]
    chosen = [vessels[row] for row in rows]
    found = solved(chosen, inner, [start_apr.get(number, 0.0) for number in numbers])
    return Level(
        amounts_usd=dict(zip(rows, found.amounts_usd, strict=True)),
        prices_apr=dict(zip(numbers, found.prices_apr, strict=True)),
        worth_usd=math.fsum(vessel.worth_usd(amount) for vessel, amount in zip(chosen, found.amounts_usd, strict=True)),
    )
