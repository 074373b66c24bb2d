"""Minutes without consensus, joined, each with a reason a person can check."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from alm_core.candles.grid import VenueGrid
from alm_core.model.candles import MINUTE_MS, BoolArray, FloatArray, IntArray, NoConsensus


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Votes:
    """Who counted in each minute and who agreed; shapes (venues, n) and (n,)."""

    frozen: BoolArray
    live: BoolArray
    """Has the minute and is not frozen."""
    kept: BoolArray
    """Agrees with the venue that most agree with."""
    middle: FloatArray
    """Median close of the live."""
    tolerance: FloatArray
    """Distance within which two agree, quote per base."""
    needed: IntArray
    """Venues that have to agree."""

    def tolerance_bps(self, at: int) -> float:
        """Return the tolerance of a minute relative to its middle."""
        return float(self.tolerance[at] / self.middle[at] * 1e4)


def no_consensus_of(grid: VenueGrid, votes: Votes, agreed: BoolArray, min_sources: int) -> tuple[NoConsensus, ...]:
    """Return the minutes that are not ``agreed``; consecutive ones with the same kind of reason are one."""
    few = votes.live.sum(axis=0) < min_sources
    return tuple(
        NoConsensus(
            start_at=datetime.fromtimestamp(int(grid.ts_ms[run.start]) / 1000, tz=UTC),
            minutes=run.stop - run.start,
            reason=_too_few(grid, votes, run, min_sources) if few[run.start] else _split(grid, votes, run),
        )
        for run in _runs(grid.ts_ms, np.flatnonzero(~agreed), few)
    )


def _runs(ts_ms: IntArray, at: IntArray, few: BoolArray) -> Iterator[slice]:
    cut = (np.diff(at) != 1) | (np.diff(ts_ms[at]) != MINUTE_MS) | (few[at][1:] != few[at][:-1])
    for part in np.split(at, np.flatnonzero(cut) + 1):
        if part.size:
            yield slice(int(part[0]), int(part[-1]) + 1)


def _too_few(grid: VenueGrid, votes: Votes, run: slice, min_sources: int) -> str:
    live = votes.live[:, run]
    names, frozen = (grid.named(np.logical_or.reduce(each[:, run], axis=1)) for each in (votes.live, votes.frozen))
    these = "the minute" if live.shape[1] == 1 else "these minutes"
    if not names:
        return f"only {_listed(frozen)}, frozen, {_has(frozen)} {these}, {min_sources} are needed"
    stands = f"; {_listed(frozen)} frozen" if frozen else ""
    if (live == live[:, :1]).all():
        return f"only {_listed(names)} {_has(names)} {these}, {min_sources} are needed{stands}"
    return f"only {_listed(names)} in turns have {these}, {min_sources} are needed in each{stands}"


def _split(grid: VenueGrid, votes: Votes, run: slice) -> str:
    """Name the prices of the first minute of the run: of the close, or of the open where that differs by more."""
    at, live = run.start, votes.live[:, run.start]
    close, opened = (grid.columns[name][live, at].tolist() for name in ("close", "open"))
    prices, what = (opened, "opens ") if max(opened) - min(opened) > max(close) - min(close) else (close, "")
    values = [f"{name} {price:.8g}" for name, price in zip(grid.named(live), prices, strict=True)]
    frozen = grid.named(votes.frozen[:, at])
    return (
        f"{what}{_listed(values)} disagree by more than {votes.tolerance_bps(at):.3g} bp: "
        f"{int(votes.kept[:, at].sum())} of {len(values)} agree, {int(votes.needed[at])} are needed"
        + (f"; {_listed(frozen)} frozen" if frozen else "")
        + (f" (first of {run.stop - run.start} minutes)" if run.stop - run.start > 1 else "")
    )


def _listed(words: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def _has(names: Sequence[str]) -> str:
    return "has" if len(names) == 1 else "have"
