"""Nelder-Mead over the five range parameters: searched on the training part, judged once on the validation part."""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from scipy import optimize

from alm_core.model.candles import FloatArray
from alm_core.model.pools import AssetClass
from alm_core.model.signals import RangeParams
from alm_core.simulation.fitness import Venue, simulate, split_tape
from alm_core.simulation.tape import Tape

MIN_TRAIN_BARS = 192
MIN_VALIDATION_BARS = 96
RESTARTS = 3
MAX_EVALUATIONS_PER_START = 220
SEED = 20_261_122


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Outcome of a search. ``params`` are the ones to use: the found ones if ``success``, else those in force."""

    success: bool
    reason: str
    params: RangeParams
    fitness: float | None
    baseline_fitness: float | None
    evaluations: int


def search_params(tape: Tape, venue: Venue, in_force: RangeParams, space: SearchSpace) -> Search:
    """Search on the first part of a tape and adopt only what the last part confirms.

    Parameters
    ----------
    tape, venue
        Prepared market and the place traded in.
    in_force
        Parameters to beat; the first start of the search.
    space
        Bounds; they are searched on a log scale for widths.

    Returns
    -------
    Search
        Successful only if, on the validation part, the best training result beats both the parameters in force and
        doing nothing (which earns 0).
    """
    train, validation = split_tape(tape)
    if len(train) < MIN_TRAIN_BARS or len(validation) < MIN_VALIDATION_BARS:
        return kept(in_force, f"{len(tape)} quarter hours are too few to train and validate on")
    best, evaluations = _minimized(train, venue, in_force, space)
    fitness = simulate(validation, best, venue).net_apr
    baseline = simulate(validation, in_force, venue).net_apr
    if fitness > baseline and fitness > 0.0:
        reason = f"validation net APR {fitness:.4f} beats {baseline:.4f} of the parameters in force"
        return Search(
            success=True,
            reason=reason,
            params=best,
            fitness=fitness,
            baseline_fitness=baseline,
            evaluations=evaluations,
        )
    beaten_by = "doing nothing" if baseline <= fitness else f"{baseline:.4f} of the parameters in force"
    return Search(
        success=False,
        reason=f"validation net APR {fitness:.4f} does not beat {beaten_by}",
        params=in_force,
        fitness=baseline,
        baseline_fitness=baseline,
        evaluations=evaluations,
    )


def kept(in_force: RangeParams, reason: str) -> Search:
    """Return the outcome of a search that was not made."""
    return Search(success=False, reason=reason, params=in_force, fitness=None, baseline_fitness=None, evaluations=0)


def _minimized(train: Tape, venue: Venue, in_force: RangeParams, space: SearchSpace) -> tuple[RangeParams, int]:
    def objective(point: FloatArray) -> float:
        return -simulate(train, _params_at(point, space), venue).net_apr

    random = np.random.default_rng(SEED)
    starts = [_point_of(in_force, space), _point_of(space.initial, space)]
    starts += [random.uniform(0.0, 1.0, 5) for _ in range(RESTARTS - len(starts))]
    best_point, best_value, evaluations = starts[0], objective(starts[0]), 1
    for start in starts:
        # scipy's own simplex is relative to the start and degenerate at 0; this one spans a fifth of every bound.
        corners = start + np.diag(np.where(start > 0.5, -0.2, 0.2))
        found = cast(
            "Any",
            optimize.minimize(  # pyright: ignore[reportUnknownMemberType]
                objective,
                start,
                method="Nelder-Mead",
                bounds=[(0.0, 1.0)] * 5,
                options={
                    "maxfev": MAX_EVALUATIONS_PER_START,
                    "initial_simplex": np.vstack([start, corners]),
                    "xatol": 1e-3,
                    "fatol": 1e-6,
                },
            ),
        )
        evaluations += int(found.nfev)
        if float(found.fun) < best_value:
            best_point, best_value = np.asarray(found.x, dtype=np.float64), float(found.fun)
    return _params_at(best_point, space), evaluations


def _point_of(params: RangeParams, space: SearchSpace) -> FloatArray:
    low, high, here = _vector(space.lower), _vector(space.upper), _vector(params)
    return np.clip((here - low) / (high - low), 0.0, 1.0)


def _params_at(point: FloatArray, space: SearchSpace) -> RangeParams:
    low, high = _vector(space.lower), _vector(space.upper)
    here = low + point * (high - low)
    base_min = float(np.exp(here[0]))
    return RangeParams(
        base_min_frac=base_min,
        base_max_frac=max(base_min, float(np.exp(here[1]))),
        vforce_exp=float(here[2]),
        vforce_divider=float(np.exp(here[3])),
        rs_threshold=float(here[4]),
    )


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
