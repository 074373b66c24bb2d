"""The report of a live day of a pair from its history."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import reduce
from operator import add

from alm_assets.past import REPORTS_WITHIN, snapshot_from
from alm_assets.ports import History
from alm_assets.reports.epochs import (
    ActedEpoch,
    Report,
    ReportEpoch,
    earned_usd,
    expected_apr_of,
    paid_usd,
    promised_of,
)
from alm_core.math.orientation import range_bounds_at_ticks
from alm_core.model.backtest import Placed
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.epochs import EPOCH_LENGTH
from alm_core.model.errors import InvalidInput
from alm_core.model.market import MarketSnapshot
from alm_core.model.pnl import PnlParts
from alm_core.model.reports import EpochReport
from alm_core.portfolio.sight import unseen_chains
from alm_core.portfolio.valuation import position_usd, prices_usd

ONE_DAY = timedelta(days=1)


def report_of_day(pair: str, day: date, history: History, latest: EpochReport | None = None) -> Report:
    """Return the report of a UTC day of a pair, as far as it is stored.

    Parameters
    ----------
    pair, day, history
        Whose day, and where it is recorded.
    latest
        A report of the day that may not be stored yet.

    Raises
    ------
    InvalidInput
        If no epoch of the day has a report.
    """
    start_at = datetime.combine(day, time(), tzinfo=UTC)
    window = pair, start_at, start_at + ONE_DAY
    found = {one.epoch_at: one for one in history.read_epochs("epoch_report", EpochReport, *window)}
    if latest is not None:
        found[latest.epoch_at] = latest
    if not found:
        raise InvalidInput(f"no epoch of {pair} has a report on {day.isoformat()}")
    reports = [found[at] for at in sorted(found)]
    plans = {one.epoch_at: one for one in history.read_epochs("allocations", AllocationPlan, *window)}
    snapshots = {at: snapshot_from(text) for at, text in history.read_payloads("pool_snapshots", *window)}
    value = _with_coins if any(one.accounts is not None for one in reports) else _without_coins
    rows = [_row(one, value(one), plans.get(one.epoch_at), snapshots.get(one.epoch_at)) for one in reports]
    begun = _opening_usd(pair, start_at, history, value)
    if begun is None:
        rows, begun = _beginning(rows)
    return Report(
        pair=pair,
        title=f"{pair} on {day.isoformat()}",
        epochs=tuple(rows),
        nav_start_usd=begun,
        totals=reduce(add, (one.parts for one in rows if one.parts is not None), PnlParts()),
        counts=_counts(reports),
        acted=_acted(reports, plans, rows),
        names=_names(snapshots.values()),
        placed_before=True,
        books=next((one for one in reversed(reports) if one.accounts is not None), None),
        problems=tuple(Counter(text for one in reports for text in one.problems).most_common()),
    )


def _with_coins(report: EpochReport) -> float | None:
    """Value as the accounts have it, with the native coin that gas is paid with, as HODL has it too."""
    known = report.accounts is not None and report.accounts.as_of_at == report.epoch_at
    return report.accounts.nav_usd if report.accounts is not None and known else None


def _without_coins(report: EpochReport) -> float | None:
    """Value in reports from before there were accounts."""
    return report.nav_usd


def _opening_usd(
    pair: str, start_at: datetime, history: History, value: Callable[[EpochReport], float | None]
) -> float | None:
    """The last value before the day that is known: what the first parts of the day begin with."""
    before = history.read_epochs("epoch_report", EpochReport, pair, start_at - REPORTS_WITHIN, start_at)
    return next((found for one in reversed(before) for found in [value(one)] if found is not None), None)


def _beginning(rows: Sequence[ReportEpoch]) -> tuple[list[ReportEpoch], float | None]:
    """Let a history that nothing came before begin with the first value that is known: until then nothing changed."""
    first = next((number for number, one in enumerate(rows) if one.nav_usd is not None), None)
    if first is None:
        return list(rows), None
    begun = [replace(one, parts=PnlParts()) if number == first else one for number, one in enumerate(rows)]
    return begun, rows[first].nav_usd


def _row(
    report: EpochReport, nav_usd: float | None, plan: AllocationPlan | None, snapshot: MarketSnapshot | None
) -> ReportEpoch:
    return ReportEpoch(
        at=report.epoch_at,
        price=report.price,
        nav_usd=nav_usd,
        hodl_usd=report.hodl_usd,
        capital_usd=report.nav_usd,
        parts=report.parts,
        placed=_placed(snapshot, report.price),
        kind=report.decision,
        expected_apr=expected_apr_of(plan),
        binding=plan.decision.binding if plan is not None else "epoch failed",
    )


def _placed(snapshot: MarketSnapshot | None, price: float | None) -> tuple[Placed, ...] | None:
    """Positions as the epoch found them; ``None`` where one of its chains, or what they are worth, is not known."""
    if snapshot is None or price is None or snapshot.quote_usd is None or unseen_chains(snapshot):
        return None
    prices = prices_usd(snapshot, price)
    pools = {state.pool.pool_id: state.pool for state in snapshot.pools}
    found: list[Placed] = []
    for position in (position for held in snapshot.holdings for position in held.positions):
        pool = pools.get(position.pool_id)
        if pool is None:
            return None
        lower, upper = range_bounds_at_ticks(pool, position.tick_lower, position.tick_upper)
        value = position_usd(pool, position, prices).total
        found.append(Placed(pool_id=position.pool_id, lower=lower, upper=upper, value_usd=value))
    return tuple(found)


def _acted(
    reports: Sequence[EpochReport], plans: Mapping[datetime, AllocationPlan], rows: Sequence[ReportEpoch]
) -> tuple[ActedEpoch, ...]:
    """Rows are marked before an epoch's transactions: what those cost and bring is in the rows after it."""
    acting = [number for number, one in enumerate(reports) if one.decision is not DecisionKind.HOLD]
    moved = [number for number in acting if reports[number].transactions_ok]
    found: list[ActedEpoch] = []
    for number in acting:
        report = reports[number]
        plan = plans.get(report.epoch_at)
        gain, cost = (None, None) if plan is None else promised_of(plan)
        after = next((row for row in rows[number + 1 :] if row.nav_usd is not None), None)
        end = next((later for later in moved if later > number), len(rows) - 1)
        followed = number in moved and end > number
        found.append(
            ActedEpoch(
                at=report.epoch_at,
                kind=report.decision,
                reason=report.reason,
                expected_gain_usd=gain,
                expected_cost_usd=cost,
                outcome=_outcome(report),
                moved=number in moved,
                paid_usd=paid_usd(after.parts) if after is not None else None,
                earned_usd=earned_usd(rows[number + 1 : end + 1]) if followed else None,
                until_at=rows[end].at if followed else None,
            )
        )
    return tuple(found)


def _counts(reports: Sequence[EpochReport]) -> tuple[tuple[str, int], ...]:
    return (
        ("decisions that acted", sum(one.decision is not DecisionKind.HOLD for one in reports)),
        ("transactions done", sum(one.transactions_ok for one in reports)),
        ("transactions that failed or need a person", sum(one.transactions_failed for one in reports)),
        ("transactions still open", sum(one.transactions_open for one in reports)),
        ("epochs whose books and chain differed", sum(one.reconciled is False for one in reports)),
        ("epochs without a report", _absent(reports)),
    )


def _absent(reports: Sequence[EpochReport]) -> int:
    """Quarter hours between the first report of the day and the last that have none."""
    return (reports[-1].epoch_at - reports[0].epoch_at) // EPOCH_LENGTH + 1 - len(reports)


def _outcome(report: EpochReport) -> str:
    counted = (
        (report.transactions_ok, "done"),
        (report.transactions_failed, "failed"),
        (report.transactions_open, "open"),
    )
    told = ", ".join(f"{count} {word}" for count, word in counted if count)
    return f"transactions: {told}" if told else "no transaction"


def _names(snapshots: Iterable[MarketSnapshot]) -> dict[str, str]:
    """Words for pools; where two have the same, the ends of their addresses tell them apart."""
    pools = {state.pool.pool_id: state for snapshot in snapshots for state in snapshot.pools}
    words = {
        pool_id: f"{state.pool.dex} {state.fee_pips / 100:g} bps, chain {state.pool.chain_id}"
        for pool_id, state in pools.items()
    }
    shared = {text for text, count in Counter(words.values()).items() if count > 1}
    return {pool_id: f"{text} (…{pool_id[-4:]})" if text in shared else text for pool_id, text in sorted(words.items())}
