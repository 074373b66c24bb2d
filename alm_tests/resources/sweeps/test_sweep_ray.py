"""Sweeps on a local Ray cluster of two workers; left out where the extra ``ray`` is not installed."""

import importlib.util
import re
import signal
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from alm_core.model.errors import ConfigError
from alm_resources.sweeps.ray_cluster import RayEngine
from alm_resources.sweeps.table import SECONDS
from alm_tests.resources.sweeps.history import record
from alm_tests.resources.sweeps.test_sweep_run import Deadly, request_of, swept, tasks_of

pytestmark = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="the extra ray is not installed")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("sweep-ray") / "history", 2)


def rows(out: Path) -> pl.DataFrame:
    return pl.read_parquet(out.read_bytes()).drop(SECONDS)


@pytest.mark.enable_socket
def test_two_workers_of_a_cluster_come_to_the_same_rows(history: Path, tmp_path: Path) -> None:
    here, there = (request_of(history, tmp_path / f"{name}.parquet") for name in ("inline", "ray"))
    swept(here)
    run = swept(there, RayEngine(2))
    assert run.workers == 2
    assert_frame_equal(rows(there.out), rows(here.out), check_exact=True)


@pytest.mark.enable_socket
def test_a_worker_that_dies_fails_its_cell_only(history: Path, tmp_path: Path) -> None:
    tasks = tasks_of(request_of(history, tmp_path / "out.parquet"))
    deadly = Deadly(cell_id=tasks[1].cell_id, cell=tasks[1].cell, history_dir=history)
    found = {one.cell_id: one for one in RayEngine(2).outcomes([tasks[0], deadly, *tasks[2:5]])}
    assert len(found) == 5
    gone = found.pop(tasks[1].cell_id)
    assert gone.status == "died"
    assert "WorkerCrashedError" in gone.reason
    assert {one.status for one in found.values()} == {"ok"}
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "127.0.0.1:port", "127.0.0.1"])
def test_a_cluster_that_is_not_there_is_named(history: Path, tmp_path: Path, address: str) -> None:
    tasks = tasks_of(request_of(history, tmp_path / "out.parquet"))
    with pytest.raises(ConfigError, match=re.escape(f"RAY_ADDRESS={address}: no cluster")):
        next(RayEngine(2, address).outcomes(tasks))
