"""Where the search may look: bounds of the five parameters, and the unit cube they are mapped to."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from alm_core.model.candles import FloatArray
from alm_core.model.errors import InvalidInput
from alm_core.model.pools import AssetClass
from alm_core.model.signals import RangeParams
from alm_core.ranges.range import check_params

NAMES = tuple(field.name for field in fields(RangeParams))
BOUND_TOLERANCE_FRAC = 1e-9
"""By how much a parameter may lie outside: the way through logarithms rounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSpace:
    """Bounds of the search and the parameters in force before any search has succeeded."""

    lower: RangeParams
    upper: RangeParams
    initial: RangeParams


SEARCH_SPACES: dict[AssetClass, SearchSpace] = {
    "stable": SearchSpace(
        lower=RangeParams(
            base_min_frac=1e-4, base_max_frac=2e-3, vforce_exp=-1.0, vforce_divider=10.0, rs_threshold=0.1
        ),
        upper=RangeParams(
            base_min_frac=5e-3, base_max_frac=0.1, vforce_exp=-0.05, vforce_divider=1000.0, rs_threshold=0.9
        ),
        initial=RangeParams(base_min_frac=5e-4, base_max_frac=0.028),
    ),
    "volatile": SearchSpace(
        lower=RangeParams(
            base_min_frac=2e-3, base_max_frac=0.02, vforce_exp=-1.0, vforce_divider=10.0, rs_threshold=0.1
        ),
        upper=RangeParams(
            base_min_frac=0.1, base_max_frac=0.45, vforce_exp=-0.05, vforce_divider=1000.0, rs_threshold=0.9
        ),
        initial=RangeParams(base_min_frac=0.01, base_max_frac=0.2),
    ),
}


def check_space(space: SearchSpace) -> None:
    """Refuse bounds that nothing can be searched within.

    Raises
    ------
    InvalidInput
        Names the bound that is not usable by itself, or the parameter whose bounds are reversed.
    """
    for name in NAMES:
        low, high = getattr(space.lower, name), getattr(space.upper, name)
        if not (math.isfinite(low) and math.isfinite(high) and low <= high):
            raise InvalidInput(f"search space: {name} from {low} to {high} is no interval")
    for side in fields(space):
        try:
            check_params(getattr(space, side.name))
        except InvalidInput as problem:
            raise InvalidInput(f"search space, {side.name}: {problem}") from problem


def check_within(params: RangeParams, space: SearchSpace) -> None:
    """Refuse parameters that give no range or lie outside of a space.

    Raises
    ------
    InvalidInput
        Names the parameter, its value and its bounds.
    """
    check_params(params)
    for name in NAMES:
        value, low, high = (getattr(of, name) for of in (params, space.lower, space.upper))
        slack = BOUND_TOLERANCE_FRAC * max(abs(low), abs(high))
        if not low - slack <= value <= high + slack:
            raise InvalidInput(f"{name} {value} lies outside of the search space, {low} to {high}")


def point_of(params: RangeParams, space: SearchSpace) -> FloatArray:
    """Return parameters as a point of the unit cube, shape (5,); widths and the divider on a log scale.

    Examples
    --------
    >>> space = SEARCH_SPACES["volatile"]
    >>> point_of(space.upper, space).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0]
    """
    low, high, here = _vector(space.lower), _vector(space.upper), _vector(params)
    span = np.where(high > low, high - low, 1.0)
    return np.clip((here - low) / span, 0.0, 1.0)


def params_at(point: FloatArray, space: SearchSpace) -> RangeParams:
    """Return the parameters at a point of the unit cube, shape (5,); a maximum below the minimum is lifted to it."""
    return cube_of(space)(point)


def cube_of(space: SearchSpace) -> Callable[[FloatArray], RangeParams]:
    """Return :func:`params_at` of a space: a search asks for thousands of points of one."""
    low, high = _vector(space.lower), _vector(space.upper)

    def at(point: FloatArray) -> RangeParams:
        here = low + point * (high - low)
        base_min = float(np.exp(here[0]))
        return RangeParams(
            base_min_frac=base_min,
            base_max_frac=max(base_min, float(np.exp(here[1]))),
            vforce_exp=float(here[2]),
            vforce_divider=float(np.exp(here[3])),
            rs_threshold=float(here[4]),
        )

    return at


def _vector(params: RangeParams) -> FloatArray:
    return np.array(
        [
            np.log(params.base_min_frac),
            np.log(params.base_max_frac),
            params.vforce_exp,
            np.log(params.vforce_divider),
            params.rs_threshold,
        ]
    )
