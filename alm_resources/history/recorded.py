"""Plans written down instead of sent: what paper mode and backtests have in place of a signer."""

from collections.abc import Iterator

from alm_core.execution.intents import intent_key, plan_hash
from alm_core.model.backtest import BacktestEpoch, SimulatedBook, VenueConfig
from alm_core.model.decisions import AllocationPlan, DecisionKind, Target
from alm_core.model.epochs import Epoch
from alm_core.model.market import Holdings, MarketSnapshot
from alm_core.model.transactions import Action, ExecutedTransaction, ExecutionReport, IntentState


class RecordingExecutor:
    """Writes down what a plan would do; has no chain, no key and no journal to do it with."""

    def execute(self, plan: AllocationPlan, snapshot: MarketSnapshot) -> ExecutionReport:
        """Return the moves of a plan as transactions that stay PLANNED."""
        return ExecutionReport(
            pair=plan.pair,
            epoch_at=plan.epoch_at,
            plan_hash=plan_hash(plan),
            transactions=tuple(_transactions(plan, "recorded only")),
            reconciliations=(),
            halted=None,
        )


def simulated_report(epoch: BacktestEpoch, before: SimulatedBook | None, venue: VenueConfig) -> ExecutionReport | None:
    """Return what the simulated venue did at an epoch of a backtest, move by move; ``None`` where nobody knows.

    Parameters
    ----------
    epoch, before
        The epoch, and the book of the one before it, whose waiting plans are due now.
    venue
        How plans are treated.
    """
    if epoch.plan is None or epoch.seen is None:
        return None
    due = [one.plan for one in before.waiting if one.due_at <= epoch.epoch_at] if before is not None else []
    if venue.latency_epochs == 0 and epoch.plan.decision.kind is not DecisionKind.HOLD:
        due.append(epoch.plan)
    failures = epoch.book.failures - (before.failures if before is not None else 0)
    failed = _chains_left_alone(epoch.book, before) if failures else ()
    return ExecutionReport(
        pair=epoch.pair,
        epoch_at=epoch.epoch_at,
        plan_hash=plan_hash(due[-1] if due else epoch.plan),
        transactions=tuple(
            one
            for plan in due
            for one in _transactions(plan, f"simulated; planned at {plan.epoch_at.isoformat()}", failed)
        ),
        reconciliations=(),
        halted=None,
    )


def _transactions(
    plan: AllocationPlan, detail: str, failed: tuple[int, ...] | None = None
) -> Iterator[ExecutedTransaction]:
    """Yield the moves of a plan in the order of execution; they stay PLANNED where nothing is said of failures."""
    digest, epoch = plan_hash(plan), Epoch(pair=plan.pair, epoch_at=plan.epoch_at)
    closes = [(Action.CLOSE, c.chain_id, c.pool_id, f"close position {c.token_id}") for c in plan.closes]
    collects = [
        (Action.COLLECT, c.chain_id, c.pool_id, f"collect fees of position {c.token_id}") for c in plan.collects
    ]
    opens = [_placed(target) for target in plan.opens]
    for step_no, (action, chain_id, pool_id, what) in enumerate([*closes, *collects, *opens]):
        yield ExecutedTransaction(
            intent_key=intent_key(epoch.epoch_id, chain_id, pool_id, action, step_no, digest),
            chain_id=chain_id,
            action=action,
            summary=f"{what} in {pool_id}",
            state=_state(chain_id, failed),
            tx_hash=None,
            gas_used=0,
            gas_cost_wei=0,
            detail=detail,
        )


def _state(chain_id: int, failed: tuple[int, ...] | None) -> IntentState:
    if failed is None:
        return IntentState.PLANNED
    return IntentState.FINAL_REVERTED if chain_id in failed else IntentState.FINAL_OK


def _chains_left_alone(after: SimulatedBook, before: SimulatedBook | None) -> tuple[int, ...]:
    """Chains on which positions and balances are what they were: where part of a plan failed, it was there."""
    known = {held.block.chain_id: _owned(held) for held in before.holdings} if before is not None else {}
    return tuple(
        held.block.chain_id
        for held in after.holdings
        if known.get(held.block.chain_id) == _owned(held) or (before is None and not held.positions)
    )


def _owned(held: Holdings) -> object:
    return held.balances, frozenset((position.token_id, position.liquidity) for position in held.positions)


def _placed(target: Target) -> tuple[Action, int, str, str]:
    where, usd = (target.chain_id, target.pool_id), f"{target.capital_usd:,.2f} USD"
    if target.token_id is None:
        return (Action.OPEN, *where, f"open {usd}")
    return (Action.ADD, *where, f"add {usd} to position {target.token_id}")
