"""Between which ticks a pool's fees were paid, measured: how much growth came below each tick between two readings."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from alm_core.math.fee_growth import growth_delta
from alm_core.model.market import PoolState, Position, TickGrowth
from alm_core.simulation.fee_steps import FeeSteps


@dataclass(frozen=True, slots=True, kw_only=True)
class TickCells:
    """Growth of fees by cell: below the first tick, between each two, above the last.

    Parameters
    ----------
    ticks : length n
        Ascending.
    grown0_x128, grown1_x128 : length n + 1
        Growth in each cell per unit of liquidity, times 2^128; all together are the growth of the pool.
    """

    ticks: tuple[int, ...]
    grown0_x128: tuple[int, ...]
    grown1_x128: tuple[int, ...]


def measured_cells(
    before: PoolState,
    after: PoolState,
    growths_x128: tuple[int, int],
    earlier: Sequence[Position],
    recorded: Sequence[Position],
    edges: Sequence[int],
) -> TickCells:
    r"""Return in which cells a pool's fees have grown between two readings; one for all where no ticks are recorded.

    Parameters
    ----------
    before, after
        Readings of one pool.
    growths_x128
        Growth of both fees of the whole pool in between, times 2^128.
    earlier, recorded
        Our recorded positions in it at both.
    edges
        Ticks at which positions begin or end, ascending: they come first where ticks contradict each other.

    Notes
    -----
    Growth below a tick is what it has outside where the price is at or above it, else the pool's growth less that
    (``Tick.getFeeGrowthInside`` of v3-core), modulo :math:`2^{256}`. While a tick stays initialised the difference
    between two readings is exact. At a tick that is initialised all growth so far counts as below it, on whichever side
    the price is: one that only our positions began or end at is measured from ``before`` on, so that between two of
    them is the growth since they were opened. One that others initialised in between is no boundary, nor is one whose
    growth below would be more than below a higher tick: it was given up and initialised anew.
    """
    was = {one.tick: one for one in before.ticks}
    gone, come = _changes(earlier, recorded), _changes(recorded, earlier)
    below: dict[int, tuple[int, int]] = {}
    for now in after.ticks:
        first = _below_at_first(before, was.get(now.tick), now, gone.get(now.tick, 0), come.get(now.tick, 0))
        if first is not None:
            last = _below(after, now)
            below[now.tick] = growth_delta(last[0], first[0]), growth_delta(last[1], first[1])
    wanted = set(edges)
    found: list[tuple[int, tuple[int, int]]] = [(-(2**31), (0, 0)), (2**31, growths_x128)]
    for tick in sorted(below, key=lambda one: (one not in wanted, one)):
        place = bisect_left(found, (tick, (0, 0)))
        if all(found[place - 1][1][side] <= below[tick][side] <= found[place][1][side] for side in (0, 1)):
            found.insert(place, (tick, below[tick]))
    grown = [tuple(above[1][side] - one[1][side] for one, above in pairwise(found)) for side in (0, 1)]
    return TickCells(ticks=tuple(tick for tick, _ in found[1:-1]), grown0_x128=grown[0], grown1_x128=grown[1])


def steps_from_cells(
    cells: TickCells, edges: Sequence[int], stops: Sequence[int], weights: Sequence[float], liquidity: Sequence[int]
) -> FeeSteps:
    """Return steps that paid in each cell what grew there, divided within it as an estimate has it.

    Parameters
    ----------
    cells
        Growth by cell.
    edges
        Ticks at which positions begin or end, ascending.
    stops
        All of them and all ticks of the cells, ascending.
    weights : length of stops + 1
        Estimated parts of the pool's growth by place between stops; all there is of a token that did not grow.
    liquidity : length of edges + 1
        Recorded liquidity in range between edges, raw.
    """
    steps = FeeSteps(edges=tuple(edges))
    totals = sum(cells.grown0_x128), sum(cells.grown1_x128)
    bounds = [0, *(bisect_left(stops, tick) + 1 for tick in cells.ticks), len(weights)]
    for number, grown in enumerate(zip(cells.grown0_x128, cells.grown1_x128, strict=True)):
        pieces = range(bounds[number], bounds[number + 1])
        parts = _divided(weights, pieces)
        estimated = sum(weights[piece] for piece in pieces)
        measured = [one / total if total else estimated for one, total in zip(grown, totals, strict=True)]
        for piece, part in zip(pieces, parts, strict=True):
            if part <= 0.0 or not any(measured):
                continue
            place = bisect_right(edges, stops[piece - 1]) if piece else 0
            # Growth is per unit of liquidity: what was paid for it is the more, the more of that there is.
            active = max(1, liquidity[place])
            steps.add(place, measured[0] * part * active, measured[1] * part * active, active)
    return steps


def _divided(weights: Sequence[float], pieces: range) -> list[float]:
    """Parts of a cell by piece, all together 1."""
    whole = sum(weights[piece] for piece in pieces)
    if whole > 0.0:
        return [weights[piece] / whole for piece in pieces]
    # Minutes of another place never show the price there: it went in from where they do.
    reached = pieces[0] if any(weights[: pieces[0]]) else pieces[-1]
    return [float(piece == reached) for piece in pieces]


def _below_at_first(
    before: PoolState, was: TickGrowth | None, now: TickGrowth, gone: int, come: int
) -> tuple[int, int] | None:
    """Growth below a tick at the first reading; ``None`` where the tick was not initialised all the time."""
    if was is not None and was.liquidity_gross > gone:
        return _below(before, was)
    # All that begins or ends there came with our own plan, at the beginning of the interval.
    return _growths(before) if now.liquidity_gross == come else None


def _below(state: PoolState, one: TickGrowth) -> tuple[int, int]:
    """Growth below a tick, modulo 2^256."""
    outside = one.growth0_outside_x128, one.growth1_outside_x128
    if one.tick <= state.tick:
        return outside
    growths = _growths(state)
    return growth_delta(growths[0], outside[0]), growth_delta(growths[1], outside[1])


def _growths(state: PoolState) -> tuple[int, int]:
    return state.fee_growth_global0_x128 or 0, state.fee_growth_global1_x128 or 0


def _changes(of: Sequence[Position], against: Sequence[Position]) -> Mapping[int, int]:
    """Liquidity by tick that positions have more than the same positions at another reading."""
    others = {one.token_id: one.liquidity for one in against}
    found: dict[int, int] = {}
    for one in of:
        more = max(0, one.liquidity - others.get(one.token_id, 0))
        for tick in (one.tick_lower, one.tick_upper) if more else ():
            found[tick] = found.get(tick, 0) + more
    return found
