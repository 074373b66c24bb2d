"""Walk-forward: search on what was known, score on what came after, and keep the newest part out of everything.

::

    |------ train 1 ------|e| validation 1 |
    |------------- train 2 ----------------|e| validation 2 |
    |---------------------- train 3 ------------------------|e| validation 3 |e|---- test ----|

``e`` is the embargo. Each training part is searched on its own, so every validation stretch scores parameters that have
never seen it.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from alm_core.model.candles import FloatArray
from alm_core.model.errors import InvalidInput
from alm_core.model.signals import RangeParams
from alm_core.portfolio.costs import SWAPPED_PER_SHIFT_FRAC
from alm_core.simulation.fitness import Venue, net_returns, simulate
from alm_core.simulation.tape import BARS_PER_YEAR, Tape

FOLDS = 3
FIRST_TRAIN_FRAC = 0.4
"""Of what precedes the test part: the oldest fold trains on it, the rest is shared evenly by the folds."""
TEST_FRAC = 0.15
EMBARGO_BARS = 96
"""One day. The volatility force of M15 and H1, 70 % of the composite, looks back 24 bars, a day at most: the first bars
of a stretch would else be forecast from bars that were trained on."""
MIN_STRETCH_BARS = 192
"""Two days: three validation stretches are then six blocks of the bootstrap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Bars searched on and, an embargo later, bars scored; half-open, as slices."""

    train: slice
    validation: slice


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Parts of a tape, oldest fold first."""

    folds: tuple[Fold, ...]
    test: slice


def layout_of(bars: int) -> Layout:
    """Return the parts of a tape of so many bars.

    Raises
    ------
    InvalidInput
        If a part would be shorter than :data:`MIN_STRETCH_BARS`.

    Examples
    --------
    >>> layout = layout_of(2880)
    >>> [(fold.train.stop, fold.validation.start, fold.validation.stop) for fold in layout.folds]
    [(940, 1036, 1411), (1411, 1507, 1881), (1881, 1977, 2352)]
    >>> layout.test
    slice(2448, 2880, None)
    """
    test_start = int(bars * (1.0 - TEST_FRAC))
    known = max(0, test_start - EMBARGO_BARS)
    cuts = np.linspace(FIRST_TRAIN_FRAC * known, known, FOLDS + 1).astype(int).tolist()
    folds = tuple(
        Fold(train=slice(0, cut), validation=slice(cut + EMBARGO_BARS, after))
        for cut, after in itertools.pairwise(cuts)
    )
    layout = Layout(folds=folds, test=slice(test_start, bars))
    parts = [layout.test, *(part for fold in folds for part in (fold.train, fold.validation))]
    shortest = min(part.stop - part.start for part in parts)
    if shortest < MIN_STRETCH_BARS:
        raise InvalidInput(
            f"{bars} quarter hours are too few to train, validate and test on: the shortest part would have "
            f"{max(0, shortest)}, it needs {MIN_STRETCH_BARS}"
        )
    return layout


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Net APR of one parameter set on the last training part, the last validation stretch and the test part."""

    train: float
    validation: float
    test: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Record:
    """What walking forward gave.

    Parameters
    ----------
    params
        Found on the last training part: the only ones that can be adopted.
    found, in_force
        Scores of those and of the parameters in force.
    returns : shape (n,)
        Net return of each validation bar, all stretches in order, with the parameters found before the stretch. The
        first also bears the shift that taking up new parameters may cost.
    in_force_returns : shape (n,)
        The same bars with the parameters in force.
    evaluations
        Simulations that the searches made.
    """

    params: RangeParams
    found: Scores
    in_force: Scores
    returns: FloatArray
    in_force_returns: FloatArray
    evaluations: int


Searcher = Callable[[Tape], tuple[RangeParams, int]]
"""Finds parameters on a training part; also says how many simulations it took."""


def walk_forward(tape: Tape, venue: Venue, in_force: RangeParams, search: Searcher) -> Record:
    """Search on every training part and score on what follows.

    Parameters
    ----------
    tape, venue
        Market and place.
    in_force
        Parameters to compare with, on the same bars.
    search
        Sees training parts only.

    Raises
    ------
    InvalidInput
        If the tape is too short (:func:`layout_of`).

    Notes
    -----
    A stretch is scored with the position that the parameters would have held when it began: simulated from the start of
    the tape, of which only the returns of the stretch count. A position opened anew would be young in every stretch and
    flatter ranges that are left soon. A return depends on no later bar.
    """
    layout = layout_of(len(tape))
    theirs = net_returns(tape, in_force, venue)
    returns: list[FloatArray] = []
    params, evaluations = in_force, 0
    for fold in layout.folds:
        params, used = search(tape.rows(fold.train))
        evaluations += used
        returns.append(net_returns(tape.rows(slice(0, fold.validation.stop)), params, venue)[fold.validation])
    ours = np.concatenate(returns)
    ours[0] -= venue.gas_cost_frac + SWAPPED_PER_SHIFT_FRAC * venue.swap_cost_frac
    return Record(
        params=params,
        found=_scores(tape, layout, venue, params, net_returns(tape, params, venue)),
        in_force=_scores(tape, layout, venue, in_force, theirs),
        returns=ours,
        in_force_returns=np.concatenate([theirs[fold.validation] for fold in layout.folds]),
        evaluations=evaluations,
    )


def _scores(tape: Tape, layout: Layout, venue: Venue, params: RangeParams, returns: FloatArray) -> Scores:
    last = layout.folds[-1]
    return Scores(
        train=simulate(tape.rows(last.train), params, venue).net_apr,
        validation=yearly(returns[last.validation]),
        test=yearly(returns[layout.test]),
    )


def yearly(returns: FloatArray) -> float:
    """Return the mean of returns by quarter hour, per year."""
    return float(returns.mean()) * BARS_PER_YEAR
