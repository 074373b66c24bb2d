"""A small world by Protocol: resources that answer from memory, and count what they were asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np

from alm_assets import execution, market, shadow, strategy
from alm_assets.freshness import epochs_fresh
from alm_assets.io import HistoryIOManager
from alm_assets.jobs import freshness, rebalance
from alm_assets.partitions import partition_key, register_pairs
from alm_core.execution.intents import plan_hash
from alm_core.model.candles import MINUTE_MS, CandleSeries
from alm_core.model.config import StrategyConfig
from alm_core.model.decisions import AllocationPlan
from alm_core.model.epochs import Epoch
from alm_core.model.market import MarketSnapshot, SourceProblem
from alm_core.model.ports import CandleFetch
from alm_core.model.transactions import Action, ExecutedTransaction, ExecutionReport, IntentState, ReconcileReport
from alm_resources.history import HistoryStore
from alm_resources.settings import Settings
from alm_tests.core.portfolio.scene import Scene

PAIR = "WETH-USDC"
EPOCH_AT = datetime(2025, 11, 20, 10, 30, tzinfo=UTC)
EPOCH = Epoch(pair=PAIR, epoch_at=EPOCH_AT)
QUARTER = timedelta(minutes=15)


def minutes(start_at: datetime, end_at: datetime) -> CandleSeries:
    """Candles that depend on the minute alone: whoever asks for a minute gets the same one."""
    ts_ms = np.arange(int(start_at.timestamp()) * 1000, int(end_at.timestamp()) * 1000, MINUTE_MS, dtype=np.int64)
    hours = ts_ms / 3_600_000
    close = 2_000.0 * (1 + 0.004 * np.sin(hours) + 0.003 * np.sin(hours * 7.3))
    start = 2_000.0 * (1 + 0.004 * np.sin(hours - 1 / 60) + 0.003 * np.sin((hours - 1 / 60) * 7.3))
    return CandleSeries(
        ts_ms=ts_ms,
        open=start,
        high=np.maximum(start, close) * 1.0002,
        low=np.minimum(start, close) * 0.9998,
        close=close,
        volume=np.full(ts_ms.size, 12.0),
        filled=np.zeros(ts_ms.size, dtype=np.bool_),
    )


@dataclass
class MemoryFeed:
    """Exchanges that answer; ``error`` is raised instead, ``skip`` leaves minutes out."""

    error: Exception | None = None
    skip: tuple[datetime, datetime] | None = None
    asked: list[tuple[datetime, datetime]] = field(default_factory=list)

    def fetch_candles(self, pair_id: str, start_at: datetime, end_at: datetime) -> CandleFetch:
        self.asked.append((start_at, end_at))
        if self.error is not None:
            raise self.error
        series = minutes(start_at, end_at)
        if self.skip is not None:
            low, high = (int(at.timestamp()) * 1000 for at in self.skip)
            rows = np.flatnonzero((series.ts_ms < low) | (series.ts_ms >= high))
            series = series.rows(rows)
        return CandleFetch(series=series, sources=("memory",), problems=())


@dataclass
class MemorySnapshots:
    """Chains that answer with a scene; ``change`` alters a snapshot before it is handed out."""

    scene: Scene = field(default_factory=Scene)
    error: Exception | None = None
    change: Any = None
    past_error: Exception | None = None
    asked: list[datetime] = field(default_factory=list)
    asked_past: list[datetime] = field(default_factory=list)

    def read_snapshot(self, epoch: Epoch) -> MarketSnapshot:
        self.asked.append(epoch.epoch_at)
        if self.error is not None:
            raise self.error
        snapshot = replace(self.scene.snapshot(epoch.epoch_at), pair=epoch.pair)
        return self.change(snapshot) if self.change else snapshot

    def read_past_snapshot(self, epoch: Epoch) -> MarketSnapshot:
        self.asked_past.append(epoch.epoch_at)
        if self.past_error is not None:
            raise self.past_error
        problem = SourceProblem(source="history backfill", detail="figures of that time are not known")
        seen = replace(self.scene.snapshot(epoch.epoch_at), pair=epoch.pair)
        return replace(seen, quote_usd=None, chains=(), holdings=(), problems=(problem,))


@dataclass
class MemoryExecutor:
    """Does each plan once; ``state`` is what becomes of its transactions."""

    state: IntentState = IntentState.FINAL_OK
    done: dict[str, ExecutionReport] = field(default_factory=dict)
    calls: int = 0
    error: Exception | None = None

    def execute(self, plan: AllocationPlan, snapshot: MarketSnapshot) -> ExecutionReport:
        self.calls += 1
        if self.error is not None:
            raise self.error
        return self.done.setdefault(plan_hash(plan), self._report(plan, snapshot))

    def _report(self, plan: AllocationPlan, snapshot: MarketSnapshot) -> ExecutionReport:
        chain = snapshot.chains[0].block if snapshot.chains else None
        transactions = tuple(
            ExecutedTransaction(
                intent_key=f"{plan.inputs_hash}:{number}",
                chain_id=target.chain_id,
                action=Action.OPEN,
                summary=f"open in {target.pool_id}",
                state=self.state,
                tx_hash="0x" + "ab" * 32,
                gas_used=300_000,
                gas_cost_wei=3 * 10**12,
                detail="",
            )
            for number, target in enumerate(plan.opens)
        )
        books = ReconcileReport(
            chain_id=chain.chain_id if chain else 0,
            block_number=chain.number if chain else 0,
            green=True,
            differences=(),
            adopted=(),
        )
        return ExecutionReport(
            pair=plan.pair,
            epoch_at=plan.epoch_at,
            plan_hash=plan_hash(plan),
            transactions=transactions,
            reconciliations=(books,),
            halted=None,
        )


@dataclass
class MemoryAlerts:
    """Keeps what it was told."""

    sent: list[tuple[str, str, str]] = field(default_factory=list)

    def send(self, title: str, body: str, *, key: str) -> None:
        self.sent.append((title, body, key))


class MemoryWorld:
    """Resources in memory over a history on disk, and the job of the live location wired to them."""

    def __init__(self, home: Path, strategy: StrategyConfig | None = None) -> None:
        self.feed = MemoryFeed()
        self.snapshots = MemorySnapshots()
        self.executor = MemoryExecutor()
        self.alerts = MemoryAlerts()
        self.history = HistoryStore(home / "history")
        environ = {"ALM_HOME": str(home), "ALM_PAIRS": f"{PAIR},USDC-USDT"}
        self.settings = replace(Settings.from_env(environ), strategy=strategy or StrategyConfig(optimize=False))

    def resources(self) -> Mapping[str, Any]:
        plain = dg.ResourceDefinition.hardcoded_resource
        return {
            "settings": plain(self.settings),
            "candle_feed": plain(self.feed),
            "snapshots": plain(self.snapshots),
            "executor": plain(self.executor),
            "history": plain(self.history),
            "alerts": plain(self.alerts),
            "io_manager": dg.IOManagerDefinition.hardcoded_io_manager(HistoryIOManager(self.history)),
        }

    def definitions(self) -> dg.Definitions:
        return dg.Definitions(
            assets=dg.load_assets_from_modules([market, strategy, shadow, execution]),
            asset_checks=[epochs_fresh],
            jobs=[rebalance, freshness],
            executor=dg.in_process_executor,
            resources=self.resources(),
        )

    def job(self) -> dg.JobDefinition:
        return self.definitions().resolve_job_def("rebalance")

    def materialize(self, instance: dg.DagsterInstance, epoch: Epoch, **options: Any) -> dg.ExecuteInProcessResult:
        register_pairs(instance, [epoch.pair])
        return self.job().execute_in_process(
            instance=instance, partition_key=partition_key(epoch), raise_on_error=False, **options
        )


def content(root: Path) -> dict[str, bytes]:
    """Every stored file with its bytes."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*.parquet"))}
