"""The report of a backtest from its epochs, which are looked at once and not kept."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from alm_assets.reports.epochs import (
    ActedEpoch,
    Report,
    ReportEpoch,
    earned_usd,
    expected_apr_of,
    paid_usd,
    promised_of,
)
from alm_core.model.backtest import BacktestEpoch
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.errors import InvalidInput


@dataclass(slots=True)
class _Pending:
    """A plan that acts, and what became of it so far."""

    plan: AllocationPlan
    row: int | None = None
    moved: bool = False
    outcome: str = "still to be carried out"
    alone: bool = True


def report_of_backtest(epochs: Iterable[BacktestEpoch], names: Mapping[str, str] | None = None) -> Report:
    """Return the report of a backtest.

    Parameters
    ----------
    epochs
        Oldest first.
    names
        Words for pools, by id.

    Raises
    ------
    InvalidInput
        If there is no epoch.
    """
    rows: list[ReportEpoch] = []
    pending: list[_Pending] = []
    problems: Counter[str] = Counter()
    assumptions: Counter[str] = Counter()
    first = last = None
    failures = 0
    for one in epochs:
        if first is None:
            first, failures = one, 0 if one.book.began_at == one.epoch_at else one.book.failures
        last = one
        rows.append(_row(one))
        problems.update(one.problems)
        assumptions.update(one.assumptions)
        if one.plan is not None and one.kind is not DecisionKind.HOLD:
            pending.append(_Pending(plan=one.plan))
        _settle(pending, one, len(rows) - 1, failed=one.book.failures > failures)
        failures = one.book.failures
    if first is None or last is None:
        raise InvalidInput("a report needs at least one epoch of the backtest")
    return Report(
        pair=first.pair,
        title=f"Backtest of {first.pair}, policy {first.policy}",
        epochs=tuple(rows),
        nav_start_usd=first.book.nav_start_usd,
        totals=last.book.totals,
        counts=(("rebalances carried out", last.book.moves), ("parts of plans that failed", last.book.failures)),
        acted=_acted(pending, rows),
        names=names or {},
        problems=tuple(problems.most_common()),
        assumptions=tuple(assumptions.most_common()),
    )


def _row(one: BacktestEpoch) -> ReportEpoch:
    known = one.nav_usd is not None
    return ReportEpoch(
        at=one.epoch_at,
        price=one.price,
        nav_usd=one.nav_usd,
        hodl_usd=one.hodl_usd,
        capital_usd=one.nav_usd,
        parts=one.parts if known else None,
        placed=one.placed if known else None,
        kind=one.kind,
        expected_apr=expected_apr_of(one.plan),
        binding=one.plan.decision.binding if one.plan is not None else "market not recorded",
    )


def _settle(pending: list[_Pending], one: BacktestEpoch, row: int, *, failed: bool) -> None:
    """Note which plans are not waiting any more, and what became of them."""
    waiting = {entry.plan.epoch_at for entry in one.book.waiting}
    done = [entry for entry in pending if entry.row is None and entry.plan.epoch_at not in waiting]
    for entry in done:
        last_at = one.book.last_moved_at
        entry.row, entry.alone = row, len(done) == 1
        entry.moved = last_at is not None and last_at >= entry.plan.epoch_at
        entry.outcome = _words(moved=entry.moved, failed=failed)
        if failed and one.problems:
            entry.outcome += f": {one.problems[0]}"


def _words(*, moved: bool, failed: bool) -> str:
    if moved:
        return "carried out in part" if failed else "carried out"
    return "failed" if failed else "changed nothing"


def _acted(pending: Sequence[_Pending], rows: Sequence[ReportEpoch]) -> tuple[ActedEpoch, ...]:
    moves = sorted({entry.row for entry in pending if entry.row is not None and entry.moved})
    return tuple(_told(entry, rows, moves) for entry in pending)


def _told(entry: _Pending, rows: Sequence[ReportEpoch], moves: Sequence[int]) -> ActedEpoch:
    """What came of a plan: costs are in the row that carried it out, what it earned in those up to the next move."""
    plan, row = entry.plan, entry.row
    gain, cost = promised_of(plan)
    paid = earned = until_at = None
    if row is not None:
        paid = paid_usd(rows[row].parts) if entry.alone else None
        end = next((later for later in moves if later > row), len(rows) - 1)
        if entry.moved and end > row:
            earned, until_at = earned_usd(rows[row + 1 : end + 1]), rows[end].at
    return ActedEpoch(
        at=plan.epoch_at,
        kind=plan.decision.kind,
        reason=plan.decision.reason,
        expected_gain_usd=gain,
        expected_cost_usd=cost,
        outcome=entry.outcome,
        moved=entry.moved,
        paid_usd=paid,
        earned_usd=earned,
        until_at=until_at,
    )
