"""Recorded history as sources: what a backtest sees instead of exchanges, chains and a signer."""

from datetime import datetime

from alm_core.execution.intents import intent_key, plan_hash
from alm_core.model.decisions import AllocationPlan, Target
from alm_core.model.epochs import Epoch
from alm_core.model.errors import SourceUnavailable
from alm_core.model.market import MarketSnapshot
from alm_core.model.ports import CandleFetch
from alm_core.model.transactions import Action, ExecutedTransaction, ExecutionReport, IntentState
from alm_resources.history.store import HistoryStore

SOURCE = "recorded history"


class RecordedCandleFeed:
    """Candles that were recorded. Satisfies ``CandleFeed``."""

    def __init__(self, history: HistoryStore) -> None:
        self._history = history

    def fetch_candles(self, pair_id: str, start_at: datetime, end_at: datetime) -> CandleFetch:
        """Return recorded minutes that open in ``[start_at, end_at)``.

        Raises
        ------
        SourceUnavailable
            If none was recorded in that time.
        """
        series = self._history.read_candles(pair_id, start_at, end_at)
        if len(series) == 0:
            raise SourceUnavailable(SOURCE, f"no candle of {pair_id} in [{start_at.isoformat()}, {end_at.isoformat()})")
        return CandleFetch(series=series, sources=(SOURCE,), problems=())


class RecordedSnapshots:
    """Snapshots that were recorded, holdings included."""

    def __init__(self, history: HistoryStore) -> None:
        self._history = history

    def read_snapshot(self, epoch: Epoch) -> MarketSnapshot:
        """Return the recorded snapshot of an epoch.

        Raises
        ------
        SourceUnavailable
            If none was recorded.
        """
        snapshot = self._history.read_epoch("pool_snapshots", MarketSnapshot, epoch.pair, epoch.epoch_at)
        if snapshot is None:
            raise SourceUnavailable(SOURCE, f"no snapshot of {epoch.epoch_id}")
        return snapshot

    def read_past_snapshot(self, epoch: Epoch) -> MarketSnapshot:
        """Return the recorded snapshot of an epoch, as :meth:`read_snapshot` does."""
        return self.read_snapshot(epoch)


class RecordingExecutor:
    """Writes down what a plan would do; has no chain, no key and no journal to do it with."""

    def execute(self, plan: AllocationPlan, snapshot: MarketSnapshot) -> ExecutionReport:
        """Return the moves of a plan as transactions that stay PLANNED."""
        digest, epoch = plan_hash(plan), Epoch(pair=plan.pair, epoch_at=plan.epoch_at)
        closes = [(Action.CLOSE, c.chain_id, c.pool_id, f"close position {c.token_id}") for c in plan.closes]
        collects = [
            (Action.COLLECT, c.chain_id, c.pool_id, f"collect fees of position {c.token_id}") for c in plan.collects
        ]
        opens = [_placed(target) for target in plan.opens]
        return ExecutionReport(
            pair=plan.pair,
            epoch_at=plan.epoch_at,
            plan_hash=digest,
            transactions=tuple(
                ExecutedTransaction(
                    intent_key=intent_key(epoch.epoch_id, chain_id, pool_id, action, step_no, digest),
                    chain_id=chain_id,
                    action=action,
                    summary=f"{what} in {pool_id}",
                    state=IntentState.PLANNED,
                    tx_hash=None,
                    gas_used=0,
                    gas_cost_wei=0,
                    detail="recorded only",
                )
                for step_no, (action, chain_id, pool_id, what) in enumerate([*closes, *collects, *opens])
            ),
            reconciliations=(),
            halted=None,
        )


def _placed(target: Target) -> tuple[Action, int, str, str]:
    where, usd = (target.chain_id, target.pool_id), f"{target.capital_usd:,.2f} USD"
    if target.token_id is None:
        return (Action.OPEN, *where, f"open {usd}")
    return (Action.ADD, *where, f"add {usd} to position {target.token_id}")
