"""What went wrong with single sources, worded for a person."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

from alm_core.candles import Gap, VenueTally
from alm_core.model.candles import NoConsensus
from alm_core.model.market import SourceProblem

logger = logging.getLogger(__name__)

MAX_LEFT_OUT_FRAC = 0.1
MAX_NAMED = 5
MAX_STALE_MINUTES = 15


def left_out_problems(tallies: Mapping[str, VenueTally]) -> list[SourceProblem]:
    """Exchanges that were left out of more than a tenth of their minutes."""
    problems: list[SourceProblem] = []
    for name, tally in tallies.items():
        left_out, minutes = tally.outlier + tally.frozen, tally.used + tally.outlier + tally.frozen
        if left_out > MAX_LEFT_OUT_FRAC * minutes:
            detail = f"{_why(tally)} of {minutes} minutes and was left out of them"
            problems.append(SourceProblem(source=name, detail=detail))
        elif left_out:
            logger.info("candles: %s %s of %d minutes", name, _why(tally), minutes)
    return problems


def no_consensus_problems(pair_id: str, ranges: Sequence[NoConsensus]) -> list[SourceProblem]:
    """One problem for each range; of many the first ones and how many there are."""
    source = f"candles of {pair_id}"
    problems = [
        SourceProblem(source=source, detail=f"no consensus for {_minutes(found)}: {found.reason}")
        for found in ranges[:MAX_NAMED]
    ]
    if len(ranges) > MAX_NAMED:
        minutes = sum(found.minutes for found in ranges[MAX_NAMED:])
        detail = f"no consensus in {len(ranges) - MAX_NAMED} further ranges of {minutes} minutes together"
        problems.append(SourceProblem(source=source, detail=detail))
    return problems


def gap_problems(pair_id: str, gaps: Sequence[Gap]) -> list[SourceProblem]:
    """Gaps that stay open; of many the first ones and how many there are."""
    source = f"candles of {pair_id}"
    problems = [
        SourceProblem(source=source, detail=f"gap of {_minutes(gap)} on no exchange") for gap in gaps[:MAX_NAMED]
    ]
    if len(gaps) > MAX_NAMED:
        minutes = sum(gap.minutes for gap in gaps[MAX_NAMED:])
        detail = f"{len(gaps) - MAX_NAMED} further gaps of {minutes} minutes together"
        problems.append(SourceProblem(source=source, detail=detail))
    return problems


def few_problems(pair_id: str, answered: int, needed: int) -> list[SourceProblem]:
    """Fewer exchanges than a consensus needs."""
    if answered >= needed:
        return []
    detail = f"only {answered} of the pair's exchanges answered, {needed} are needed for a consensus"
    return [SourceProblem(source=f"candles of {pair_id}", detail=detail)]


def stale_problems(pair_id: str, stale_minutes: int, end_at: datetime) -> list[SourceProblem]:
    """A price that has stood for too long at the end."""
    if stale_minutes <= MAX_STALE_MINUTES:
        return []
    detail = f"last traded minute is {stale_minutes} minutes before {end_at.isoformat()}"
    return [SourceProblem(source=f"candles of {pair_id}", detail=detail)]


def _why(tally: VenueTally) -> str:
    parts = [(tally.outlier, "disagreed with the others in"), (tally.frozen, "stood still in")]
    return " and ".join(f"{words} {count}" for count, words in parts if count)


def _minutes(span: Gap | NoConsensus) -> str:
    return f"{span.minutes} minutes from {span.start_at.isoformat()}"
