"""What the scores say, and how sure that is: moving-block bootstrap of the daily excess over holding the tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alm_core.model.candles import FloatArray
from alm_core.model.epochs import EPOCHS_PER_DAY
from alm_core.ranges.bootstrap import Interval, mean_interval
from alm_tests.bench.scoreboard.run import Score

BLOCK_DAYS = 2
"""Days drawn together: shifts and storms of one day reach into the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One policy over a set of tapes, in fractions.

    ``excess`` is the mean daily log return above holding the tokens over all days of all tapes, with its interval;
    ``net_return`` and ``drawdown`` are means over the tapes, ``moves_per_week`` counts every tape alike.
    """

    policy: str
    tapes: int
    net_return: float
    excess: Interval
    fees: float
    costs: float
    drawdown: float
    moves_per_week: float


def standings(scores: Sequence[Score]) -> list[Standing]:
    """Return the standing of every policy over some tapes, best excess first."""
    held = {score.tape: score for score in scores if score.policy == "hodl"}
    names = list(dict.fromkeys(score.policy for score in scores))
    found = [_standing(name, [score for score in scores if score.policy == name], held) for name in names]
    return sorted(found, key=lambda one: -one.excess.mean)


def daily_excess(score: Score, held: Score) -> FloatArray:
    """Return the log return of each whole day above that of holding the tokens."""
    ends = np.arange(0, score.nav_usd.size, EPOCHS_PER_DAY)
    ours, theirs = (np.log(_whole(one.nav_usd)[ends]) for one in (score, held))
    return np.diff(ours) - np.diff(theirs)


def _standing(name: str, scores: Sequence[Score], held: dict[str, Score]) -> Standing:
    series = [daily_excess(score, held[score.tape]) for score in scores]
    excess = mean_interval(np.concatenate(series), BLOCK_DAYS)
    starts = [float(_whole(score.nav_usd)[0]) for score in scores]
    weeks = [score.nav_usd.size / EPOCHS_PER_DAY / 7 for score in scores]
    return Standing(
        policy=name,
        tapes=len(scores),
        net_return=float(np.mean([_whole(one.nav_usd)[-1] / one.nav_usd[0] - 1 for one in scores])),
        excess=excess,
        fees=float(np.mean([one.fees_usd / nav for one, nav in zip(scores, starts, strict=True)])),
        costs=float(np.mean([(one.gas_usd + one.swap_usd) / nav for one, nav in zip(scores, starts, strict=True)])),
        drawdown=float(np.mean([_drawdown(_whole(one.nav_usd)) for one in scores])),
        moves_per_week=float(np.mean([one.moves / week for one, week in zip(scores, weeks, strict=True)])),
    )


def _whole(nav_usd: FloatArray) -> FloatArray:
    """A path without holes; an epoch whose value is unknown stands at the one before it."""
    if np.isnan(nav_usd[0]):
        raise ValueError("the first epoch has no value")
    rows = np.maximum.accumulate(np.where(np.isnan(nav_usd), 0, np.arange(nav_usd.size)))
    return nav_usd[rows]


def _drawdown(nav_usd: FloatArray) -> float:
    return float(np.max(1.0 - nav_usd / np.maximum.accumulate(nav_usd)))
