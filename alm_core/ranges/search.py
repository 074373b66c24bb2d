"""New range parameters, adopted only where walking forward proves them.

Nelder-Mead searches each training part; the set found on the last one is the only one that can be adopted, so one
hypothesis is tested, not many. The test part can refuse it and choose nothing: whatever it holds, the answer is that
set or the one in force.
"""

import math
from dataclasses import astuple, dataclass
from functools import lru_cache

import numpy as np

from alm_core.model.candles import FloatArray
from alm_core.model.errors import InvalidInput
from alm_core.model.signals import RangeParams
from alm_core.ranges.bootstrap import COVERAGE_FRAC, Interval, mean_interval
from alm_core.ranges.simplex import minimized
from alm_core.ranges.space import NAMES, SEARCH_SPACES, SearchSpace, check_space, check_within, cube_of, point_of
from alm_core.ranges.walk_forward import Record, Scores, walk_forward
from alm_core.simulation.fitness import Venue, check_venue, net_apr_of
from alm_core.simulation.sweep import sweep
from alm_core.simulation.tape import BARS_PER_YEAR, Tape, check_tape

__all__ = ["SEARCH_SPACES", "Candidate", "Search", "SearchSpace", "kept", "search_params"]

SEED = 20_261_122
SWEPT_LANES = 256
"""Points drawn over the space; the best of them on the training part is the third start, after the parameters in force
and the initial ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """The parameters that were judged, adopted or not.

    Parameters
    ----------
    params
        Found on the last training part.
    scores
        Theirs. Test scores are those of a part that may refuse: over adopted sets alone they are too good.
    over_in_force, over_nothing
        Net gain per year of walking forward over the parameters in force and over doing nothing (which earns 0), on
        all validation stretches together.
    """

    params: RangeParams
    scores: Scores
    over_in_force: Interval
    over_nothing: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Outcome of a search. ``params`` are the ones to use: the found ones if ``success``, else those in force.

    Parameters
    ----------
    fitness, train_fitness, test_fitness
        Net APR of ``params`` on the last validation stretch, the last training part and the test part; ``None`` if
        nothing was scored.
    baseline_fitness
        Net APR of the parameters in force on the last validation stretch.
    candidate
        What was found, and how it compared; ``None`` if nothing was searched.
    """

    success: bool
    reason: str
    params: RangeParams
    fitness: float | None
    baseline_fitness: float | None
    evaluations: int
    train_fitness: float | None = None
    test_fitness: float | None = None
    candidate: Candidate | None = None


def search_params(tape: Tape, venue: Venue, in_force: RangeParams, space: SearchSpace) -> Search:
    """Search by walking forward, and adopt what is found if it proves itself on bars that it has not seen.

    Parameters
    ----------
    tape, venue
        Prepared market and the place traded in.
    in_force
        Parameters to beat; the first start of every search.
    space
        Bounds; they are searched on a log scale for widths.

    Returns
    -------
    Search
        Successful only if, after all costs, the lower ends of the 80 % intervals of the gain over the parameters in
        force and over doing nothing lie above zero, the set found is better than both on the last validation stretch,
        and not worse on the test part. Else the parameters in force, with the reason; so too for input that cannot be
        searched on, which is never an exception.
    """
    try:
        check_space(space)
        check_within(in_force, space)
        check_venue(venue)
        check_tape(tape)
        if venue.full_range_apr == 0.0:
            return kept(in_force, "venue: full_range_apr is 0: without fees nothing beats doing nothing")
        record = walk_forward(tape, venue, in_force, lambda train: _found(train, venue, in_force, space))
        return _judged(record, in_force)
    except InvalidInput as problem:
        return kept(in_force, str(problem))


def kept(in_force: RangeParams, reason: str) -> Search:
    """Return the outcome of a search that was not made."""
    return Search(success=False, reason=reason, params=in_force, fitness=None, baseline_fitness=None, evaluations=0)


def _found(train: Tape, venue: Venue, in_force: RangeParams, space: SearchSpace) -> tuple[RangeParams, int]:
    at, net_apr = cube_of(space), net_apr_of(train, venue)

    def objective(point: FloatArray) -> float:
        return -net_apr(at(point))

    lanes, sets = _lanes(space)
    swept = sweep(train, sets, venue).net_apr
    best_lane = lanes[np.where(np.isfinite(swept), swept, -np.inf).argmax()]
    found = minimized(objective, [point_of(in_force, space), point_of(space.initial, space), best_lane])
    return at(found.point), SWEPT_LANES + found.evaluations


@lru_cache(maxsize=8)
def _lanes(space: SearchSpace) -> tuple[FloatArray, FloatArray]:
    """Points drawn over a space and the parameter sets there, the same at every epoch: both shape (lanes, 5)."""
    lanes, at = np.random.default_rng(SEED).uniform(0.0, 1.0, (SWEPT_LANES, len(NAMES))), cube_of(space)
    return lanes, np.array([astuple(at(lane)) for lane in lanes])


def _judged(record: Record, in_force: RangeParams) -> Search:
    scores = (*_values(record.found), *_values(record.in_force))
    if not all(math.isfinite(score) for score in scores):
        named = ", ".join(f"{score:.4g}" for score in scores)
        raise InvalidInput(f"fitness is not finite: train, validation, test found {named} (then those in force)")
    with np.errstate(over="ignore", invalid="ignore"):
        candidate = Candidate(
            params=record.params,
            scores=record.found,
            over_in_force=mean_interval((record.returns - record.in_force_returns) * BARS_PER_YEAR),
            over_nothing=mean_interval(record.returns * BARS_PER_YEAR),
        )
    refusal = _refusal(candidate, record.in_force)
    params, used = (in_force, record.in_force) if refusal else (candidate.params, candidate.scores)
    return Search(
        success=not refusal,
        reason=refusal or _praise(candidate, record.in_force),
        params=params,
        fitness=used.validation,
        baseline_fitness=record.in_force.validation,
        evaluations=record.evaluations,
        train_fitness=used.train,
        test_fitness=used.test,
        candidate=candidate,
    )


def _refusal(candidate: Candidate, in_force: Scores) -> str:
    for rival, gain in (
        ("the parameters in force", candidate.over_in_force),
        ("doing nothing", candidate.over_nothing),
    ):
        if not gain.low > 0.0:  # so written, a NaN refuses too
            return f"walking forward does not surely beat {rival}: net gain {_words(gain)}"
    stretch, test = candidate.scores.validation, candidate.scores.test
    if not stretch > max(0.0, in_force.validation):
        return f"on the last validation stretch net APR {stretch:.4f} does not beat {_best_of(in_force.validation)}"
    if not test >= max(0.0, in_force.test):
        return f"refused by the test part: net APR {test:.4f} is worse than {_best_of(in_force.test)}"
    return ""


def _best_of(in_force: float) -> str:
    return "doing nothing" if in_force <= 0.0 else f"{in_force:.4f} of the parameters in force"


def _praise(candidate: Candidate, in_force: Scores) -> str:
    return (
        f"walking forward beats the parameters in force by {_words(candidate.over_in_force)} and doing nothing by "
        f"{_words(candidate.over_nothing)}; last validation net APR {candidate.scores.validation:.4f} against "
        f"{in_force.validation:.4f}, test {candidate.scores.test:.4f} against {in_force.test:.4f}"
    )


def _words(gain: Interval) -> str:
    return f"{gain.mean:.4f} a year, {COVERAGE_FRAC:.0%} interval {gain.low:.4f} to {gain.high:.4f}"


def _values(scores: Scores) -> tuple[float, float, float]:
    return scores.train, scores.validation, scores.test
