"""Job ``sweep``: a grid by file or by text, results told in the UI, and going on where it stopped."""

import os
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from alm_assets.definitions_backtest import defs
from alm_assets.sweep import SweepConfig, sweep_request
from alm_core.model.errors import ConfigError
from alm_resources.settings import Settings
from alm_tests.resources.sweeps.history import record

GRID = """
pairs = "WETH-USDC"
policies = ["hodl", "wide", "tau_reset"]
[windows]
first = 2026-01-01
last = 2026-01-02
length_days = 1
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("ALM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ALM_HOME", str(tmp_path / "home"))
    record(tmp_path / "home" / "history", 2)
    return tmp_path / "home"


def launched(instance: dg.DagsterInstance, **config: object) -> dg.ExecuteInProcessResult:
    job = defs.resolve_job_def("sweep")
    run_config = {"ops": {"sweep_cells": {"config": config}}}
    return job.execute_in_process(instance=instance, run_config=run_config, raise_on_error=False)


def told(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    (event,) = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    return {name: value.value for name, value in metadata.items()}


def test_a_grid_is_swept_and_its_best_choices_are_told(home: Path, instance: dg.DagsterInstance) -> None:
    file = home / "small.toml"
    file.write_text(GRID)
    result = launched(instance, grid_file=str(file))
    assert result.success
    metadata = told(result)
    out = home / "sweeps" / "small.parquet"
    assert metadata["parquet"] == str(out)
    assert (metadata["cells"], metadata["ok"], metadata["not_ok"], metadata["reused"]) == (6, 6, 0, 0)
    rows = pl.read_parquet(out.read_bytes())
    best = rows.sort("nav_over_hodl", descending=True).row(0, named=True)
    first = str(metadata["best_cells"]).splitlines()[2]
    assert first.startswith(f"| WETH-USDC | {best['policy']} | {best['first_day']}..{best['last_day']} | - | ")
    assert str(metadata["walk_forward"]).splitlines()[2].startswith("| WETH-USDC | 2026-01-01..2026-01-01 | ")
    assert "in sample" in str(metadata["note"])
    (event,) = result.get_asset_materialization_events()
    assert event.asset_key == dg.AssetKey(["sweep", "small"])
    again = launched(instance, grid=GRID, out=str(out))
    assert again.success
    assert told(again)["reused"] == 6


def test_a_sweep_without_any_result_fails_and_says_why(home: Path, instance: dg.DagsterInstance) -> None:
    result = launched(instance, grid=GRID.replace("2026", "2027"))
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    data = failure.step_failure_data
    assert data.user_failure_data is not None
    problems = data.user_failure_data.metadata["problems"].value
    assert "WETH-USDC hodl 2027-01-01..2027-01-01: no epoch of the backtest has a recorded market" in str(problems)


def test_a_bad_grid_fails_by_name(home: Path, instance: dg.DagsterInstance) -> None:
    result = launched(instance, grid=GRID + "[strategy]\nmin_holt = 1")
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    cause = failure.step_failure_data.error_display_string
    assert "ConfigError: grid: unknown key strategy.min_holt" in cause


def test_there_is_exactly_one_grid(home: Path) -> None:
    settings = Settings.from_env(os.environ)
    for config in (SweepConfig(), SweepConfig(grid="", grid_file="a.toml")):
        with pytest.raises(ConfigError, match="give either grid_file or grid"):
            sweep_request(config, settings)
    by_text = [sweep_request(SweepConfig(grid=text), settings).out for text in (GRID, GRID, GRID + "\n")]
    assert by_text[0] == by_text[1] != by_text[2]
