"""Both code locations load, cheaply, and say what a person needs to know about each asset."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

from alm_assets import definitions_backtest, definitions_live
from alm_assets.jobs import BACKTEST_ASSETS, EPOCH_ASSETS

ROOT = Path(__file__).resolve().parents[2]
LOCATIONS = {"alm_live": definitions_live.defs, "alm_backtest": definitions_backtest.defs}


@pytest.fixture(params=sorted(LOCATIONS))
def definitions(request: pytest.FixtureRequest) -> dg.Definitions:
    return LOCATIONS[request.param]


def names(definitions: dg.Definitions) -> set[str]:
    return {key.path[-1] for key in definitions.resolve_asset_graph().materializable_asset_keys}


@pytest.mark.parametrize(
    ("location", "job_name", "assets"),
    [("alm_live", "rebalance", EPOCH_ASSETS), ("alm_backtest", "backtest", BACKTEST_ASSETS)],
)
def test_the_job_runs_all_assets_in_one_process(location: str, job_name: str, assets: tuple[str, ...]) -> None:
    definitions = LOCATIONS[location]
    dg.Definitions.validate_loadable(definitions)
    assert names(definitions) == set(assets)
    job = definitions.resolve_job_def(job_name)
    assert {key.path[-1] for key in job.asset_layer.selected_asset_keys} == set(assets)
    assert job.executor_def.name == "in_process"


def test_every_asset_says_who_owns_it_what_it_is_and_which_version(definitions: dg.Definitions) -> None:
    for spec in definitions.resolve_all_asset_specs():
        assert spec.owners, spec.key
        assert spec.kinds, spec.key
        assert spec.code_version, spec.key
        assert spec.group_name in ("market", "strategy", "execution")
        assert spec.description, spec.key
        assert spec.partitions_def is not None


def test_only_the_live_location_runs_by_itself() -> None:
    live, backtest = LOCATIONS["alm_live"], LOCATIONS["alm_backtest"]
    assert {schedule.name for schedule in live.schedules or []} >= {"quarter_hours", "freshness_checks"}
    assert {sensor.name for sensor in live.sensors or []} == {
        "failed_epochs",
        "failed_transactions",
        "troubled_epochs",
    }
    assert not backtest.schedules
    assert not backtest.sensors


def test_a_backtest_shares_no_asset_key_with_what_really_happened() -> None:
    live, backtest = (
        LOCATIONS[name].resolve_asset_graph().materializable_asset_keys for name in ("alm_live", "alm_backtest")
    )
    assert not live & backtest


def test_what_is_wrong_holds_a_live_epoch_up_and_is_a_warning_in_a_backtest() -> None:
    graphs = {name: definitions.resolve_asset_graph() for name, definitions in LOCATIONS.items()}
    checks = {
        name: {key.name: graph.get(key).blocking for key in graph.asset_check_keys} for name, graph in graphs.items()
    }
    blocking = {name for name, blocks in checks["alm_live"].items() if blocks}
    assert blocking >= {"minutes_complete", "one_block_per_chain", "plan_within_limits"}
    assert checks["alm_backtest"] == {"minutes_recorded": False, "snapshots_recorded": False}


def test_the_workspace_names_both_locations() -> None:
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text())
    found = {entry["python_module"]["location_name"]: entry["python_module"] for entry in workspace["load_from"]}
    assert {name: module["module_name"] for name, module in found.items()} == {
        "alm_live": "alm_assets.definitions_live",
        "alm_backtest": "alm_assets.definitions_backtest",
    }


@pytest.mark.parametrize("module", ["alm_assets.definitions_live", "alm_assets.definitions_backtest"])
def test_loading_a_location_imports_nothing_heavy_and_reads_no_environment(module: str, tmp_path: Path) -> None:
    heavy = "polars ccxt web3 matplotlib scipy numba redis apprise"
    script = (
        f"import sys, {module}\n"
        f"{module}.defs.get_repository_def()\n"
        f"print([name for name in '{heavy}'.split() if name in sys.modules])\n"
    )
    environment = {"ALM_MODE": "nonsense", "ALM_HOME": str(tmp_path / "home"), "PATH": "/usr/bin"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
    assert not (tmp_path / "home").exists()
