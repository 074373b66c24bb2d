"""The report of an epoch: what was seen, decided, done and earned, in one line."""

from collections.abc import Iterator

from alm_core.math.orientation import split_base_quote, to_float
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.epochs import Epoch
from alm_core.model.market import MarketSnapshot, Position
from alm_core.model.pools import Pool
from alm_core.model.reports import EpochReport
from alm_core.model.signals import ForceSignals, OptimizedRange
from alm_core.model.transactions import ExecutedTransaction, ExecutionReport, IntentState
from alm_core.model.transfers import TransferState

FAILED = frozenset({IntentState.FINAL_REVERTED, IntentState.MANUAL})


def epoch_report(
    signals: ForceSignals,
    optimized: OptimizedRange,
    plan: AllocationPlan,
    snapshot: MarketSnapshot,
    execution: ExecutionReport,
    before: tuple[EpochReport, MarketSnapshot] | None,
) -> EpochReport:
    """Return the report of an epoch.

    Parameters
    ----------
    signals, optimized, plan, snapshot, execution
        What the assets of the epoch made.
    before
        Report and snapshot of the epoch before, from which fees already collected are carried on; ``None`` for the
        first epoch.
    """
    transactions = execution.transactions
    done = sum(t.state is IntentState.FINAL_OK for t in transactions)
    failed = sum(t.state in FAILED for t in transactions)
    return EpochReport(
        pair=plan.pair,
        epoch_at=plan.epoch_at,
        price=signals.price,
        forces=signals.composite,
        price_range=optimized.price_range,
        decision=plan.decision.kind,
        reason=plan.decision.reason,
        transactions_ok=done,
        transactions_failed=failed,
        transactions_open=sum(not t.state.terminal for t in transactions),
        nav_usd=plan.nav_usd,
        fees_uncollected_usd=uncollected_usd(snapshot, signals.price),
        fees_collected_usd=collected_usd(snapshot, signals.price, before),
        gas_usd=gas_usd(transactions, snapshot),
        problems=_problems(snapshot, execution),
        reconciled=all(r.green for r in execution.reconciliations) if execution.reconciliations else None,
    )


def failed_epoch_report(epoch: Epoch, error: str) -> EpochReport:
    """Return the report of an epoch that failed: a HOLD that names the failure."""
    return EpochReport(
        pair=epoch.pair,
        epoch_at=epoch.epoch_at,
        price=None,
        forces=None,
        price_range=None,
        decision=DecisionKind.HOLD,
        reason=f"epoch failed: {error}",
        transactions_ok=0,
        transactions_failed=0,
        transactions_open=0,
        nav_usd=None,
        fees_uncollected_usd=None,
        fees_collected_usd=None,
        gas_usd=None,
        problems=(error,),
        reconciled=None,
    )


def uncollected_usd(snapshot: MarketSnapshot, price: float) -> float | None:
    """Return the USD value of the fees lying in open positions; ``None`` where the quote token has no USD price."""
    return _total_usd(snapshot, price, [(p, p.fees0, p.fees1) for p in _positions(snapshot)])


def collected_usd(
    snapshot: MarketSnapshot, price: float, before: tuple[EpochReport, MarketSnapshot] | None
) -> float | None:
    """Return the USD value of all fees collected so far: those before, and what left the positions since.

    Fees of a position that is gone, or that are fewer than before, count as collected at this epoch's price. A chain
    that was not read now is left as it was.
    """
    if before is None:
        return 0.0
    report, earlier = before
    read = {holdings.block.chain_id for holdings in snapshot.holdings}
    now = {(p.pool_id, p.token_id): p for p in _positions(snapshot)}
    left = [
        (p, _left(p.fees0, found.fees0 if found else 0), _left(p.fees1, found.fees1 if found else 0))
        for p in _positions(earlier)
        if int(p.pool_id.partition(":")[0]) in read
        for found in [now.get((p.pool_id, p.token_id))]
    ]
    since = _total_usd(earlier, price, left, quote_usd=snapshot.quote_usd)
    if since is None or report.fees_collected_usd is None:
        return None
    return report.fees_collected_usd + since


def gas_usd(transactions: tuple[ExecutedTransaction, ...], snapshot: MarketSnapshot) -> float | None:
    """Return what the transactions paid for gas, at the native price of each chain; ``None`` where one is unknown."""
    native_usd = {one.block.chain_id: one.native_usd for one in snapshot.chains if one.native_usd is not None}
    paid = [t for t in transactions if t.gas_cost_wei]
    if any(t.chain_id not in native_usd for t in paid):
        return None
    return sum(t.gas_cost_wei / 1e18 * native_usd[t.chain_id] for t in paid)


def _left(before: int, now: int) -> int:
    return max(before - now, 0)


def _positions(snapshot: MarketSnapshot) -> Iterator[Position]:
    return (position for holdings in snapshot.holdings for position in holdings.positions)


def _total_usd(
    snapshot: MarketSnapshot, price: float, fees: list[tuple[Position, int, int]], quote_usd: float | None = None
) -> float | None:
    usd = quote_usd if quote_usd is not None else snapshot.quote_usd
    if not fees:
        return 0.0
    if usd is None:
        return None
    return sum(_in_quote(snapshot.pool_state(p.pool_id).pool, price, fees0, fees1) * usd for p, fees0, fees1 in fees)


def _in_quote(pool: Pool, price: float, amount0: int, amount1: int) -> float:
    base, quote = split_base_quote(pool, amount0, amount1)
    return to_float(pool.base, base) * price + to_float(pool.quote, quote)


def _problems(snapshot: MarketSnapshot, execution: ExecutionReport) -> tuple[str, ...]:
    sources = tuple(f"{problem.source}: {problem.detail}" for problem in snapshot.problems)
    books = tuple(
        f"chain {report.chain_id}: {text}"
        for report in execution.reconciliations
        for text in (*(() if report.green else report.differences), *report.warnings)
    )
    halted = (f"stopped early: {execution.halted}",) if execution.halted else ()
    return sources + books + halted + _transfers(execution)


def _transfers(execution: ExecutionReport) -> tuple[str, ...]:
    """Transfers between chains that need a person, and those that brought something else than was promised."""
    told = (TransferState.MANUAL, TransferState.PARTIAL)
    return tuple(
        f"transfer of {one.asset} from chain {one.from_chain} to {one.to_chain} needs a person: {one.state.value}, "
        f"{one.detail}"
        for one in execution.transfers
        if one.state in told
    )
