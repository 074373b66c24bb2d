"""``alm sweep``: what it tells, its exit codes, and that being killed costs nothing that was finished."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import psutil
import pytest
from click.testing import CliRunner
from polars.testing import assert_frame_equal

from alm_cli.backtest import backtest
from alm_cli.sweep import sweep
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.errors import ConfigError
from alm_core.sweeps.cells import cell_count
from alm_resources.registry import load_registry
from alm_resources.sweeps.compute import InlineEngine
from alm_resources.sweeps.grid import SECTIONS, read_grid
from alm_resources.sweeps.run import SweepRequest, run_sweep
from alm_tests.resources.sweeps.history import record

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "sweep.md").read_text()
DAYS = 4
GRID = f"""
pairs = "WETH-USDC"
policies = ["hodl", "wide", "tau_reset"]
[windows]
first = 2026-01-01
last = 2026-01-0{DAYS}
length_days = 2
[venue]
gas_multiple = [1.0, 50.0]
"""
CELLS = 12


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("sweep-cli") / "history", DAYS)


@pytest.fixture
def grid(home: Path, history: Path) -> Path:
    """A grid file, and a home that has the recorded history."""
    home.mkdir()
    os.environ["ALM_HISTORY_DIR"] = str(history)
    file = home / "small.toml"
    file.write_text(GRID)
    return file


def lengthened(grid: Path, multiples: int) -> int:
    """Give the grid more gas multiples; return its number of cells."""
    grid.write_text(GRID.replace("[1.0, 50.0]", str([float(one) for one in range(1, multiples + 1)])))
    return CELLS // 2 * multiples


def begun(grid: Path) -> subprocess.Popen[str]:
    """The command as a person starts it, leader of a process group as in a terminal."""
    command = [sys.executable, "-m", "alm_cli.main", "sweep", "--grid", str(grid), "--workers", "2", "--json"]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def finished(grid: Path) -> list[str]:
    """Identities of the finished cells, as their lines are on disk."""
    file = grid.parent / "sweeps" / "small.parquet.cells"
    return re.findall(r'"cell_id":"(\w+)"', file.read_text()) if file.exists() else []


def wait_for(seen: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 120
    while not seen():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def rows(grid: Path) -> pl.DataFrame:
    return pl.read_parquet((grid.parent / "sweeps" / "small.parquet").read_bytes()).drop("seconds")


def test_a_killed_sweep_goes_on_with_the_cells_that_are_missing(grid: Path, home: Path, history: Path) -> None:
    cells = lengthened(grid, 8)
    first = begun(grid)
    wait_for(lambda: len(finished(grid)) >= 2)
    workers = psutil.Process(first.pid).children(recursive=True)
    first.kill()
    first.communicate()
    before = finished(grid)
    assert 2 <= len(before) < cells
    assert not (home / "sweeps" / "small.parquet").exists()
    wait_for(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in workers))
    second = begun(grid)
    out, err = second.communicate(timeout=200)
    assert second.returncode == 0, err
    told = json.loads(out)
    assert (told["cells"], told["ok"], told["reused"]) == (cells, cells, len(before))
    after = finished(grid)
    assert after[: len(before)] == before
    assert len(after) == len(set(after)) == cells, "no cell was computed twice"
    whole = SweepRequest(
        grid=read_grid(grid, StrategyConfig(), LimitsConfig(), load_registry(None)),
        history_dir=history,
        out=home / "whole.parquet",
    )
    run_sweep(whole, InlineEngine(), lambda *_: None)
    assert_frame_equal(rows(grid), pl.read_parquet(whole.out.read_bytes()).drop("seconds"), check_exact=True)


def test_ctrl_c_leaves_what_is_finished_in_the_parquet(grid: Path) -> None:
    # A minute of work, so that a slow machine does not come too late.
    cells = lengthened(grid, 80)
    running = begun(grid)
    wait_for(lambda: len(finished(grid)) >= 2)
    os.killpg(running.pid, signal.SIGINT)
    out, err = running.communicate(timeout=100)
    assert (running.returncode, out) == (130, "")
    assert "Run the command again to go on." in err.replace("\n", " ")
    assert "Traceback" not in err
    assert 2 <= rows(grid).height == len(finished(grid)) < cells


def test_the_table_tells_best_and_worst_and_that_this_is_in_sample(grid: Path, runner: CliRunner) -> None:
    done = runner.invoke(sweep, ["--grid", str(grid), "--workers", "1"])
    assert done.exit_code == 0, done.output
    told = done.stderr.replace("\n", " ")
    assert "small: 12 cells" in told
    assert "12/12 WETH-USDC" in told, "plain lines where there is no terminal"
    assert "NAV / HODL" in told
    found = rows(grid).sort("nav_over_hodl", descending=True)
    for word, row in (("best", found.row(0, named=True)), ("worst", found.row(-1, named=True))):
        assert f"{word} cell: {row['nav_over_hodl']:.4f} WETH-USDC {row['policy']}" in told
    assert "Walk forward" in told
    assert "selection in sample: the best of 3 choices" in told
    again = runner.invoke(sweep, ["--grid", str(grid), "--json"])
    answer = json.loads(again.stdout)
    assert (answer["reused"], answer["workers"]) == (12, 0)
    assert answer["best"]["nav_over_hodl"] == found["nav_over_hodl"][0]
    assert answer["spread"] == found["nav_over_hodl"][0] - found["nav_over_hodl"][-1]
    assert [step["choices"] for step in answer["walk_forward"]] == [3, 3]
    assert {step["parameters"] for step in answer["walk_forward"]} == {"gas_multiple=1", "gas_multiple=50"}


def test_a_cell_is_the_backtest_of_the_other_command(grid: Path, runner: CliRunner) -> None:
    grid.write_text(GRID.replace('["hodl", "wide", "tau_reset"]', '"tau_reset"').replace("[1.0, 50.0]", "1.0"))
    assert runner.invoke(sweep, ["--grid", str(grid), "--workers", "1"]).exit_code == 0
    days = ["--from", "2026-01-03", "--to", "2026-01-04"]
    chosen = ["--policy", "tau_reset", "--capital", "10000"]
    done = runner.invoke(backtest, ["--pair", "WETH-USDC", *days, *chosen, "--json"])
    assert done.exit_code == 0, done.output
    answer, row = json.loads(done.stdout), rows(grid).row(1, named=True)
    assert row["rebalances"] > 0
    for name in ("nav_start", "nav_end", "fees_usd", "lvr_usd", "gas_usd", "swap_usd", "rebalances", "hodl_usd"):
        assert row[name] == pytest.approx(answer[name], abs=1e-9), name


def test_a_cell_without_result_is_told_and_decides_the_exit_code(grid: Path, runner: CliRunner) -> None:
    grid.write_text(GRID.replace("last = 2026-01-04", "last = 2026-01-06").replace("[1.0, 50.0]", "1.0"))
    done = runner.invoke(sweep, ["--grid", str(grid), "--workers", "1", "--json"])
    assert done.exit_code == 1
    answer = json.loads(done.stdout)
    assert (answer["ok"], answer["failed"]) == (6, 3)
    assert answer["reasons"] == {"no epoch of the backtest has a recorded market": 3}
    assert "2026-01-05..2026-01-06 failed: no epoch of the backtest" in done.stderr.replace("\n", " ")


def test_a_bad_grid_is_one_line_that_names_file_key_and_value(grid: Path) -> None:
    grid.write_text(GRID + "[strategy]\nlvr_weigth = 1.0\n")
    command = [sys.executable, "-m", "alm_cli.main", "sweep", "--grid", str(grid)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"alm: {grid}: unknown key strategy.lvr_weigth; known are ")
    assert done.stderr.count("\n") == 1


def test_ray_that_is_not_installed_is_named_with_what_to_do(
    grid: Path, runner: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    done = runner.invoke(sweep, ["--grid", str(grid), "--engine", "ray"])
    assert isinstance(done.exception, ConfigError)
    assert "uv sync --extra ray" in str(done.exception)


def test_the_example_of_the_page_is_a_grid(tmp_path: Path) -> None:
    (text, *_) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    file = tmp_path / "grid.toml"
    file.write_text(text)
    grid = read_grid(file, StrategyConfig(), LimitsConfig(), load_registry(None))
    (count,) = re.findall(r"(\d+) cells", PAGE)[:1]
    assert cell_count(grid) == int(count)
    assert [name for name in SECTIONS if f"`{name}`" not in PAGE and f"`[{name}]`" not in PAGE] == []


def test_the_page_names_every_option_of_the_command(runner: CliRunner) -> None:
    told = runner.invoke(sweep, ["--help"]).stdout
    options = set(re.findall(r"--[a-z-]+", told)) - {"--help"}
    assert {option for option in options if f"`{option}" not in PAGE} <= {"--grid"}
    assert "alm sweep --grid grid.toml" in PAGE
