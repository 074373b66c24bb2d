"""What the scores say, and how sure that is: moving-block bootstrap of daily returns, paired by tape and day."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alm_core.model.candles import FloatArray
from alm_core.model.decisions import DecisionKind
from alm_core.model.epochs import EPOCHS_PER_DAY
from alm_core.ranges.bootstrap import Interval, mean_interval
from alm_tests.bench.scoreboard.run import Score

BLOCK_DAYS = 2
"""Days drawn together: shifts and storms of one day reach into the next."""
OURS = "default"
COMPOUND = DecisionKind.COMPOUND.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One policy over a set of tapes, in fractions.

    Parameters
    ----------
    edge
        Mean daily profit without what the price did to the tokens held, over all days of all tapes, with its interval.
    behind_ours
        The same of the default policy above this one, day by day on the same tapes: paired, so that what moves both
        alike drops out.
    excess
        Mean daily log return above holding the tokens: the edge, and where the price went while other amounts were
        held.
    net_return, drawdown, fees, lvr, costs
        Means over the tapes; all but the first two relative to the value at the start.
    moves_per_week, compounds_per_week
        Moves of capital carried out, and decisions to add fees; every tape counts alike.
    """

    policy: str
    tapes: int
    net_return: float
    edge: Interval
    behind_ours: Interval
    excess: Interval
    fees: float
    lvr: float
    costs: float
    drawdown: float
    moves_per_week: float
    compounds_per_week: float


def standings(scores: Sequence[Score]) -> list[Standing]:
    """Return the standing of every policy over some tapes, best edge first."""
    held = {score.tape: score for score in scores if score.policy == "hodl"}
    ours = {score.tape: score for score in scores if score.policy == OURS}
    names = list(dict.fromkeys(score.policy for score in scores))
    found = [_standing(name, [score for score in scores if score.policy == name], held, ours) for name in names]
    return sorted(found, key=lambda one: -one.edge.mean)


def daily_excess(score: Score, other: Score) -> FloatArray:
    """Return the log return of each whole day above that of another policy on the same tape."""
    ends = np.arange(0, score.nav_usd.size, EPOCHS_PER_DAY)
    first, second = (np.log(_whole(one.nav_usd)[ends]) for one in (score, other))
    return np.diff(first) - np.diff(second)


def daily_edge(score: Score) -> FloatArray:
    """Return what each whole day earned of the value at its beginning, without what the price did to tokens held."""
    ends = np.arange(0, score.nav_usd.size, EPOCHS_PER_DAY)
    return np.diff(np.cumsum(score.earned_usd)[ends]) / _whole(score.nav_usd)[ends[:-1]]


def _standing(name: str, scores: Sequence[Score], held: dict[str, Score], ours: dict[str, Score]) -> Standing:
    excess = np.concatenate([daily_excess(score, held[score.tape]) for score in scores])
    edge = np.concatenate([daily_edge(score) for score in scores])
    behind = np.concatenate([daily_edge(ours[score.tape]) for score in scores]) - edge
    starts = np.array([float(_whole(score.nav_usd)[0]) for score in scores])
    weeks = [score.nav_usd.size / EPOCHS_PER_DAY / 7 for score in scores]
    return Standing(
        policy=name,
        tapes=len(scores),
        net_return=float(np.mean([_whole(one.nav_usd)[-1] / one.nav_usd[0] - 1 for one in scores])),
        edge=mean_interval(edge, BLOCK_DAYS),
        behind_ours=mean_interval(behind, BLOCK_DAYS),
        excess=mean_interval(excess, BLOCK_DAYS),
        fees=float(np.mean(np.array([one.fees_usd for one in scores]) / starts)),
        lvr=float(np.mean(np.array([one.lvr_usd for one in scores]) / starts)),
        costs=float(np.mean(np.array([one.gas_usd + one.swap_usd for one in scores]) / starts)),
        drawdown=float(np.mean([_drawdown(_whole(one.nav_usd)) for one in scores])),
        moves_per_week=float(np.mean([_moves(one) / week for one, week in zip(scores, weeks, strict=True)])),
        compounds_per_week=float(
            np.mean([one.decisions.get(COMPOUND, 0) / week for one, week in zip(scores, weeks, strict=True)])
        ),
    )


def _moves(score: Score) -> int:
    """Moves of capital that were carried out; fees that were added are none, and are never refused by caps per hour."""
    return max(0, score.moves - score.decisions.get(COMPOUND, 0))


def _whole(nav_usd: FloatArray) -> FloatArray:
    """A path without holes; an epoch whose value is unknown stands at the one before it."""
    if np.isnan(nav_usd[0]):
        raise ValueError("the first epoch has no value")
    rows = np.maximum.accumulate(np.where(np.isnan(nav_usd), 0, np.arange(nav_usd.size)))
    return nav_usd[rows]


def _drawdown(nav_usd: FloatArray) -> float:
    return float(np.max(1.0 - nav_usd / np.maximum.accumulate(nav_usd)))
