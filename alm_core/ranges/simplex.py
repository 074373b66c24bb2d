"""Nelder-Mead in the unit cube, from several starts."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from scipy import optimize

from alm_core.model.candles import FloatArray

MAX_EVALUATIONS_PER_START = 220
FIRST_STEP = 0.2
"""Edge of the first simplex. scipy's own is relative to the start and degenerate at 0."""
POINT_TOLERANCE, VALUE_TOLERANCE = 1e-3, 1e-6
UNUSABLE = 1e12
"""What a point costs where the objective is not finite: above any fitness, and still a number to compare."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Minimum:
    """Best point of all starts, shape (d,); ``value`` is the objective there, :data:`UNUSABLE` if none was finite."""

    point: FloatArray
    value: float
    evaluations: int


def minimized(objective: Callable[[FloatArray], float], starts: Sequence[FloatArray]) -> Minimum:
    """Return the least value that Nelder-Mead finds in the unit cube.

    Parameters
    ----------
    objective
        Function of a point, shape (d,). Where it is not finite the point is avoided.
    starts
        Points to start from, at least one; each may cost :data:`MAX_EVALUATIONS_PER_START` evaluations.

    Notes
    -----
    scipy's bounded Nelder-Mead (Nelder and Mead 1965), which moves points outside onto the bounds.
    """

    def finite(point: FloatArray) -> float:
        value = objective(point)
        return value if math.isfinite(value) else UNUSABLE

    best, evaluations = Minimum(point=starts[0], value=math.inf, evaluations=0), 0
    for start in starts:
        corners = start + np.diag(np.where(start > 0.5, -FIRST_STEP, FIRST_STEP))
        found = cast(
            "Any",
            optimize.minimize(  # pyright: ignore[reportUnknownMemberType]
                finite,
                start,
                method="Nelder-Mead",
                bounds=[(0.0, 1.0)] * len(start),
                options={
                    "maxfev": MAX_EVALUATIONS_PER_START,
                    "initial_simplex": np.vstack([start, corners]),
                    "xatol": POINT_TOLERANCE,
                    "fatol": VALUE_TOLERANCE,
                },
            ),
        )
        evaluations += int(found.nfev)
        if float(found.fun) < best.value:
            best = Minimum(point=np.asarray(found.x, dtype=np.float64), value=float(found.fun), evaluations=0)
    return Minimum(point=best.point, value=best.value, evaluations=evaluations)
