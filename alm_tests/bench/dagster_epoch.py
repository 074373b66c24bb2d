"""What an epoch costs beyond the pure functions: Dagster, its SQLite storage and the history on disk."""

import contextlib
import functools
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg

from alm_assets import figures
from alm_assets.runner import run_epoch
from alm_core.model.config import StrategyConfig
from alm_core.policies.default import DefaultPolicy
from alm_resources.history import HistoryStore
from alm_tests.assets.world import EPOCH_AT, PAIR, QUARTER, MemoryWorld
from alm_tests.bench.figure import Figure, median, spread

TEMPLATE = Path(__file__).resolve().parents[2] / "dagster.yaml"
CORE = tuple((DefaultPolicy, name) for name in ("force_signals", "optimized_range", "allocation"))
CHART = ((figures, "price_and_ranges"),)
HISTORY = tuple(
    (HistoryStore, name)
    for name in (
        *("read_candles", "write_candles", "read_epoch", "read_epochs", "read_latest", "write_epoch"),
        *("read_payload", "read_payloads", "write_epoch_once"),
    )
)
WARM_UP, REPEATS = 3, 10


class PartClock:
    """Adds up the process CPU spent inside some functions while it is installed; calls among them count once."""

    def __init__(self, functions: Sequence[tuple[Any, str]]) -> None:
        self._functions = functions
        self._inside = False
        self.spent_s = 0.0

    @contextlib.contextmanager
    def installed(self) -> Iterator["PartClock"]:
        with contextlib.ExitStack() as stack:
            for owner, name in self._functions:
                stack.enter_context(mock.patch.object(owner, name, self._timed(getattr(owner, name))))
            yield self

    def _timed(self, function: Any) -> Any:
        @functools.wraps(function)
        def timed(*args: Any, **options: Any) -> Any:
            if self._inside:
                return function(*args, **options)
            self._inside, before = True, time.process_time()
            try:
                return function(*args, **options)
            finally:
                self._inside = False
                self.spent_s += time.process_time() - before

        return timed


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochCost:
    """CPU of one epoch and of its parts, and its wall time."""

    whole_s: float
    core_s: float
    chart_s: float
    history_s: float
    wall_s: float


def dagster_overhead() -> Iterator[Figure]:
    """CPU of a whole epoch less that of the core inside it."""
    with tempfile.TemporaryDirectory(prefix="alm-bench-") as folder, instance_in(Path(folder)) as instance:
        world = MemoryWorld(Path(folder), StrategyConfig())
        job = world.job()
        costs = [_epoch_cost(world, instance, job, number) for number in range(WARM_UP + REPEATS)][WARM_UP:]
    core, chart, history, wall = (
        median([getattr(cost, name) for cost in costs]) for name in ("core_s", "chart_s", "history_s", "wall_s")
    )
    overheads = [cost.whole_s - cost.core_s for cost in costs]
    note = (
        "rebalance job (7 assets, their checks) on SQLite with dagster.yaml, feeds and chains in memory; process CPU, "
        f"all threads, less the core's own ({core:.3g} s) in the same run; includes the plan's chart ({chart:.3g} s) "
        f"and the Parquet history ({history:.3g} s); whole epoch {wall:.3g} s wall; {WARM_UP} epochs of warm-up; "
        f"{spread(overheads)}"
    )
    yield Figure(name="dagster_overhead_cpu_s_per_epoch", value=median(overheads), unit="s", note=note)


def _epoch_cost(world: MemoryWorld, instance: dg.DagsterInstance, job: dg.JobDefinition, number: int) -> EpochCost:
    epoch_at = EPOCH_AT + number * QUARTER
    clocks = PartClock(CORE), PartClock(CHART), PartClock(HISTORY)
    with clocks[0].installed() as core, clocks[1].installed() as chart, clocks[2].installed() as history:
        began, before = time.perf_counter(), time.process_time()
        done = run_epoch(instance, PAIR, epoch_at, job=job, history=world.history, alerts=world.alerts)
        whole_s, wall_s = time.process_time() - before, time.perf_counter() - began
    if not done.success:
        raise RuntimeError(f"{done.epoch.epoch_id} failed: {done.error}")
    return EpochCost(
        whole_s=whole_s, core_s=core.spent_s, chart_s=chart.spent_s, history_s=history.spent_s, wall_s=wall_s
    )


@contextlib.contextmanager
def instance_in(home: Path) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance on SQLite, configured as the product's."""
    folder = home / "dagster"
    folder.mkdir()
    shutil.copyfile(TEMPLATE, folder / "dagster.yaml")
    with (
        mock.patch.dict(os.environ, {"DAGSTER_HOME": str(folder)}),
        dg.DagsterInstance.from_config(str(folder)) as opened,
    ):
        yield opened
