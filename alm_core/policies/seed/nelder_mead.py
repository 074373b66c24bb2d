"""Nelder-Mead of the reference system (its section 6.2): maximises, clamps to the bounds, no restarts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from alm_core.policies.seed.params import LOWER_BOUNDS, UPPER_BOUNDS, Vector, clamped

REFLECTION, EXPANSION, CONTRACTION, SHRINKAGE = 1.0, 2.0, 0.5, 0.5
BUDGET = 300
TOLERANCE = 1e-8
PERTURBATION = 0.1

Objective = Callable[[Vector], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Best point of a search."""

    best: Vector
    fitness: float
    evaluations: int


def nelder_mead(objective: Objective, initial: Vector, perturbation: float = PERTURBATION) -> Found:
    """Return the best point; the budget shrinks with evaluations and iterations alike, as in the reference."""
    simplex = [(point, objective(point)) for point in _corners(clamped(initial), perturbation)]
    evaluations = len(simplex)
    iteration = 0
    while iteration < BUDGET - evaluations:
        iteration += 1
        simplex.sort(key=lambda vertex: vertex[1])
        if abs(simplex[-1][1] - simplex[0][1]) < TOLERANCE:
            break
        moved, used = _moved(objective, simplex)
        evaluations += used
        if moved is not None:
            simplex[0] = moved
            continue
        best = simplex[-1][0]
        shrunk = [_towards(best, best, point, SHRINKAGE) for point, _ in simplex[:-1]]
        simplex[:-1] = [(point, objective(point)) for point in shrunk]
        evaluations += len(shrunk)
    simplex.sort(key=lambda vertex: vertex[1])
    return Found(best=simplex[-1][0], fitness=simplex[-1][1], evaluations=evaluations)


def _corners(start: Vector, perturbation: float) -> list[Vector]:
    corners = [start]
    for axis, (low, high) in enumerate(zip(LOWER_BOUNDS, UPPER_BOUNDS, strict=True)):
        step = (1 if axis % 2 == 0 else -1) * perturbation * (high - low)
        value = max(low, min(high, start[axis] + step))
        if abs(value - start[axis]) < 1e-6 * (high - low):
            value = max(low, min(high, value - step))
        corners.append(cast("Vector", (*start[:axis], value, *start[axis + 1 :])))
    return corners


def _moved(objective: Objective, simplex: list[tuple[Vector, float]]) -> tuple[tuple[Vector, float] | None, int]:
    """Return what replaces the worst vertex, ``None`` for a shrink, and the evaluations used."""
    worst, second, best = simplex[0], simplex[1], simplex[-1]
    # Added one by one: sum() rounds otherwise from Python 3.12 on, and the path is the reference's to the last bit.
    rest = zip(*(point for point, _ in simplex[1:]), strict=True)
    centroid = cast("Vector", tuple((a + b + c + d + e) / 5.0 for a, b, c, d, e in rest))
    reflected = _towards(centroid, centroid, worst[0], -REFLECTION)
    value = objective(reflected)
    if second[1] <= value <= best[1]:
        return (reflected, value), 1
    if value > best[1]:
        expanded = _towards(centroid, centroid, worst[0], -EXPANSION)
        further = objective(expanded)
        return ((expanded, further) if further > value else (reflected, value)), 2
    contracted = _towards(centroid, centroid, worst[0], CONTRACTION)
    nearer = objective(contracted)
    return ((contracted, nearer) if nearer > worst[1] else None), 2


def _towards(origin: Vector, start: Vector, end: Vector, factor: float) -> Vector:
    """Return ``origin + factor * (end - start)``, clamped."""
    point = tuple(at + factor * (to - by) for at, by, to in zip(origin, start, end, strict=True))
    return clamped(cast("Vector", point))
