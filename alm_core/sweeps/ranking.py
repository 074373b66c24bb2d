"""What may be concluded from a sweep: the best of many on the same data, and how the best one did on later data.

The best of many cells is best in part by luck, the more so the more there are; only a window that the choice has not
seen says what it is worth. See Bailey et al., *The Probability of Backtest Overfitting* (2015).
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean, median

from alm_core.model.sweeps import ChoiceScore, ForwardStep, SweepCell, SweepResult, SweepWindow

_Setting = tuple[object, ...]
_Choice = tuple[object, ...]


def over_hodl(result: SweepResult) -> float | None:
    """Return ``nav_end / hodl_usd`` of a cell; ``None`` where it has no result or HODL is worth nothing."""
    summary = result.outcome.summary
    if summary is None or not summary.hodl_usd > 0:
        return None
    return summary.nav_end / summary.hodl_usd


def ranked(results: Iterable[SweepResult]) -> list[SweepResult]:
    """Return the cells with a result, best first by :func:`over_hodl`; equal ones stay in order."""
    scored = [(score, result) for result in results if (score := over_hodl(result)) is not None]
    return [result for _, result in sorted(scored, key=lambda one: -one[0])]


def scores_by_choice(results: Iterable[SweepResult]) -> list[ChoiceScore]:
    """Return what each choice came to over its windows, best first; by pair, capital and venue."""
    found: dict[_Setting, list[tuple[float, SweepCell]]] = defaultdict(list)
    for result in results:
        score = over_hodl(result)
        if score is not None:
            found[(*_setting(result.cell), *_choice(result.cell))].append((score, result.cell))
    scores = [
        ChoiceScore(
            pair=cells[0][1].pair,
            cell=cells[0][1],
            windows=len(cells),
            mean_over_hodl=_geometric([score for score, _ in cells]),
            worst_over_hodl=min(score for score, _ in cells),
        )
        for cells in found.values()
    ]
    return sorted(scores, key=lambda one: -one.mean_over_hodl)


def walk_forward(results: Iterable[SweepResult]) -> list[ForwardStep]:
    """Choose on each window and score on the next one that begins after it; by pair, capital and venue.

    Only choices with a result in both windows take part, so that the chosen one always has a score.

    Parameters
    ----------
    results
        Cells of any number of windows; with fewer than two that do not overlap there is nothing to return.

    Notes
    -----
    Strategies and policies are chosen; pair, capital and venue are given, so that no choice is made among ways of
    simulating.
    """
    settings: dict[_Setting, dict[SweepWindow, dict[_Choice, tuple[float, SweepCell]]]] = {}
    for result in results:
        score = over_hodl(result)
        if score is not None:
            windows = settings.setdefault(_setting(result.cell), {})
            windows.setdefault(result.cell.window, {})[_choice(result.cell)] = (score, result.cell)
    steps: list[ForwardStep] = []
    for windows in settings.values():
        for earlier in sorted(windows, key=_in_time):
            later = _next_after(earlier, windows)
            step = _step(windows[earlier], windows[later]) if later is not None else None
            steps += [step] if step is not None else []
    return steps


def _step(
    earlier: dict[_Choice, tuple[float, SweepCell]], later: dict[_Choice, tuple[float, SweepCell]]
) -> ForwardStep | None:
    shared = [choice for choice in earlier if choice in later]
    if not shared:
        return None
    best = max(shared, key=lambda choice: earlier[choice][0])
    scores = [later[choice][0] for choice in shared]
    score = later[best][0]
    return ForwardStep(
        pair=earlier[best][1].pair,
        chosen=earlier[best][1],
        scored=later[best][1],
        chosen_over_hodl=earlier[best][0],
        scored_over_hodl=score,
        median_over_hodl=median(scores),
        best_over_hodl=max(scores),
        rank=1 + sum(other > score for other in scores),
        choices=len(shared),
    )


def _next_after(earlier: SweepWindow, windows: Iterable[SweepWindow]) -> SweepWindow | None:
    return min((one for one in windows if one.first_at >= earlier.end_at), key=_in_time, default=None)


def _in_time(window: SweepWindow) -> tuple[float, float]:
    return window.first_at.timestamp(), window.end_at.timestamp()


def _setting(cell: SweepCell) -> _Setting:
    return cell.pair, cell.capital_usd, cell.venue


def _choice(cell: SweepCell) -> _Choice:
    return cell.policy, cell.strategy, cell.range_params


def _geometric(values: Sequence[float]) -> float:
    """Geometric mean; 0 where all was lost once."""
    return math.exp(fmean(math.log(value) for value in values)) if min(values) > 0 else 0.0
