"""What an epoch costs beyond the pure functions: Dagster, its SQLite storage and the history on disk."""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg

from alm_assets.runner import run_epoch
from alm_core.forces import signals
from alm_core.model.config import StrategyConfig
from alm_core.portfolio import decision
from alm_core.ranges import optimizer
from alm_tests.assets.world import EPOCH_AT, PAIR, QUARTER, MemoryWorld
from alm_tests.bench.figure import Figure, median, spread

TEMPLATE = Path(__file__).resolve().parents[2] / "dagster.yaml"
CORE = ((signals, "compute_force_signals"), (optimizer, "optimize_range"), (decision, "plan_allocation"))
WARM_UP, REPEATS = 3, 10


class CoreClock:
    """Adds up the process CPU spent inside the core's three functions while it is open."""

    def __init__(self) -> None:
        self.spent_s = 0.0

    @contextlib.contextmanager
    def installed(self) -> Iterator["CoreClock"]:
        with contextlib.ExitStack() as stack:
            for module, name in CORE:
                stack.enter_context(mock.patch.object(module, name, self._timed(getattr(module, name))))
            yield self

    def _timed(self, function: Any) -> Any:
        def timed(*args: Any, **options: Any) -> Any:
            before = time.process_time()
            try:
                return function(*args, **options)
            finally:
                self.spent_s += time.process_time() - before

        return timed


def dagster_overhead() -> Iterator[Figure]:
    """CPU of a whole epoch less that of the core inside it."""
    with tempfile.TemporaryDirectory(prefix="alm-bench-") as folder, instance_in(Path(folder)) as instance:
        world = MemoryWorld(Path(folder), StrategyConfig())
        job = world.job()
        overheads, cores, walls = [], [], []
        for number in range(WARM_UP + REPEATS):
            began, before = time.perf_counter(), time.process_time()
            with CoreClock().installed() as core:
                done = run_epoch(
                    instance, PAIR, EPOCH_AT + number * QUARTER, job=job, history=world.history, alerts=world.alerts
                )
            if not done.success:
                raise RuntimeError(f"epoch {number} failed: {done.error}")
            if number >= WARM_UP:
                overheads.append(time.process_time() - before - core.spent_s)
                cores.append(core.spent_s)
                walls.append(time.perf_counter() - began)
    note = (
        "rebalance job (7 assets, their checks) on SQLite with dagster.yaml, feeds and chains in memory, history as "
        f"Parquet on disk; process CPU, all threads, less the core's own ({median(cores):.3g} s) in the same run; "
        f"whole epoch {median(walls):.3g} s wall; {WARM_UP} epochs of warm-up; {spread(overheads)}"
    )
    yield Figure(name="dagster_overhead_cpu_s_per_epoch", value=median(overheads), unit="s", note=note)


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
