"""Where in a pool's prices the fees between two readings were paid, and what simulated positions get of them.

How much was paid is what the pool's own counters say; the steps only say where, and what liquidity shared it there.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

from alm_core.math.tick import Q128
from alm_core.model.errors import InvalidInput
from alm_core.model.market import Position

_SHARE_BITS = 62
"""Shares become integers with more bits than a float has, so that the share 1 leaves every amount as it is."""


@dataclass(slots=True, kw_only=True)
class FeeSteps:
    """The way of a pool's price between two readings.

    Parameters
    ----------
    edges
        Ticks, ascending, at which positions begin or end.
    places : length n
        Where each step lies: how many edges are at or below it. No step reaches over an edge.
    fees0, fees1 : length n
        Fees of each token paid in each step, in any unit: only their proportions matter.
    liquidity : length n
        Recorded active liquidity of each step, raw.
    """

    edges: tuple[int, ...]
    places: list[int] = field(default_factory=list[int])
    fees0: list[float] = field(default_factory=list[float])
    fees1: list[float] = field(default_factory=list[float])
    liquidity: list[int] = field(default_factory=list[int])

    def add(self, place: int, fees0: float, fees1: float, liquidity: int) -> None:
        """Append a step."""
        self.places.append(place)
        self.fees0.append(fees0)
        self.fees1.append(fees1)
        self.liquidity.append(liquidity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What came of fees in a simulated pool.

    Parameters
    ----------
    fees
        Raw amounts of token0 and token1 of every simulated position, in their order, rounded down.
    growth0_x128, growth1_x128
        Growth of fees per unit of liquidity, times 2^128.
    """

    fees: tuple[tuple[int, int], ...]
    growth0_x128: int
    growth1_x128: int


def edges_of(positions: Sequence[Position]) -> tuple[int, ...]:
    """Return the ticks at which positions begin or end, ascending."""
    return tuple(sorted({tick for one in positions for tick in (one.tick_lower, one.tick_upper)}))


def active_at_places(edges: Sequence[int], positions: Sequence[Position]) -> list[int]:
    """Return the liquidity of positions that is in range at each place, raw; shape ``len(edges) + 1``."""
    active = [0] * (len(edges) + 1)
    for one in positions:
        for place in range(bisect_left(edges, one.tick_lower) + 1, bisect_left(edges, one.tick_upper) + 1):
            active[place] += one.liquidity
    return active


def shared_fees(
    steps: FeeSteps, growths_x128: tuple[int, int], recorded: Sequence[Position], held: Sequence[Position]
) -> Shared:
    r"""Return how fees are shared if simulated positions were in a pool in place of those that were recorded there.

    Parameters
    ----------
    steps
        Where the fees were paid; ``edges`` has the bounds of all positions.
    growths_x128
        Recorded growth of both fees per unit of liquidity, times 2^128.
    recorded, held
        Positions that were really there and are taken out, and those that are there in their place.

    Notes
    -----
    In a step with recorded liquidity :math:`L_s`, of which :math:`O_s` was others', fees :math:`\phi_s` made the
    recorded growth :math:`g = k \sum_s \phi_s / L_s`; that fixes :math:`k`. A position of liquidity :math:`\ell` gets
    :math:`k \sum_s \phi_s \ell / (O_s + H_s)` over the steps in its range, where :math:`H_s` is all simulated liquidity
    in range: what was swapped stays as it was recorded, and own liquidity dilutes itself.

    Raises
    ------
    InvalidInput
        If a position's bounds are not among the edges.
    """
    missing = set(edges_of((*recorded, *held))).difference(steps.edges)
    if missing:
        raise InvalidInput(f"no edges of fee steps at ticks {sorted(missing)}")
    ours = active_at_places(steps.edges, recorded)
    simulated = active_at_places(steps.edges, held)
    sides = [_per_place(steps, fees, ours, simulated) for fees in (steps.fees0, steps.fees1)]
    fees = tuple(
        (_earned(steps, one, growths_x128[0], *sides[0]), _earned(steps, one, growths_x128[1], *sides[1]))
        for one in held
    )
    growth0, growth1 = (
        _part(growth, sum(places), total) for growth, (places, total) in zip(growths_x128, sides, strict=True)
    )
    return Shared(fees=fees, growth0_x128=growth0, growth1_x128=growth1)


def _per_place(
    steps: FeeSteps, fees: Sequence[float], ours: Sequence[int], simulated: Sequence[int]
) -> tuple[list[float], float]:
    """Growth at every place with simulated liquidity, and the recorded growth of all, in the unit of the fees."""
    if not any(paid > 0.0 and active > 0 for paid, active in zip(fees, steps.liquidity, strict=True)):
        # Growth without a swap that would explain it, as a donation makes: spread over the way of the price.
        fees = [1.0] * len(fees)
    places, recorded = ([0.0] * (len(steps.edges) + 1) for _ in range(2))
    for place, paid, active in zip(steps.places, fees, steps.liquidity, strict=True):
        if active <= 0:
            continue
        recorded[place] += paid / active
        places[place] += paid / ((max(0, active - ours[place]) + simulated[place]) or active)
    # Summed alike, so that what is the same comes out the same to the last bit.
    return places, sum(recorded)


def _earned(steps: FeeSteps, one: Position, growth_x128: int, places: Sequence[float], total: float) -> int:
    first, last = bisect_left(steps.edges, one.tick_lower) + 1, bisect_left(steps.edges, one.tick_upper)
    return _part(growth_x128 * one.liquidity, sum(places[first : last + 1]), total) // Q128


def _part(whole: int, part: float, total: float) -> int:
    return whole * round(part / total * 2.0**_SHARE_BITS) >> _SHARE_BITS if total > 0.0 else 0
