"""The backtest location: days materialized one by one are the command's run, and say what they rest on."""

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner

from alm_assets.definitions_backtest import defs
from alm_assets.jobs import BACKTEST_ASSETS
from alm_assets.partitions import day_before, pair_days, register_pairs
from alm_core.model.backtest import BacktestSummary
from alm_resources.history import HistoryStore
from alm_tests.assets.world import content
from alm_tests.core.backtest.tape_snapshot import CHAIN_ID, NATIVE_USD, PAIR
from alm_tests.resources.history.tape_history import DAYS, FIRST_DAY, ONE_DAY, at, read_afterwards, recorded_tape

HOLE = at(DAYS[1], 5, 30)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> HistoryStore:
    return recorded_tape(tmp_path_factory.mktemp("recorded"), holes=[HOLE])


@pytest.fixture
def home(recorded: HistoryStore, instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "config.toml").write_text("[strategy]\noptimize = false\nmax_pool_share = 1.0\n")
    monkeypatch.setenv("ALM_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("ALM_HISTORY_DIR", str(recorded.root))
    monkeypatch.setenv("ALM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ALM_MODE", "live")
    register_pairs(instance, [PAIR])
    return tmp_path / "home"


def key(day: date) -> dg.MultiPartitionKey:
    return dg.MultiPartitionKey({"pair": PAIR, "day": day.isoformat()})


def materialize(
    instance: dg.DagsterInstance, day: date, *, report: bool = True, **choice: Any
) -> dg.ExecuteInProcessResult:
    names = BACKTEST_ASSETS if report else BACKTEST_ASSETS[:-1]
    return defs.resolve_job_def("backtest").execute_in_process(
        instance=instance,
        partition_key=key(day),
        asset_selection=[dg.AssetKey(["backtest", name]) for name in names],
        run_config={"ops": {"backtest_day": {"config": choice}}},
        raise_on_error=False,
    )


def summary_on(instance: dg.DagsterInstance, day: date, **choice: Any) -> BacktestSummary:
    result = materialize(instance, day, **choice)
    assert result.success
    return result.output_for_node("backtest__backtest_report")


def metadata(instance: dg.DagsterInstance, asset: str, day: date) -> dict[str, Any]:
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(["backtest", asset]), asset_partitions=[key(day)])
    made = instance.fetch_materializations(wanted, limit=1).records[0].asset_materialization
    assert made is not None
    return {name: entry.value for name, entry in made.metadata.items()}


def command(home: Path, policy: str) -> dict[str, Any]:
    from alm_cli.backtest import backtest

    window = ["--from", DAYS[0].isoformat(), "--to", DAYS[-1].isoformat()]
    arguments = ["--pair", PAIR, *window, "--policy", policy, "--capital", "25000", "--home", str(home), "--json"]
    done = CliRunner().invoke(backtest, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.parametrize("policy", ["default", "hodl"])
def test_days_materialized_one_by_one_come_to_what_the_command_comes_to(
    policy: str, home: Path, recorded: HistoryStore, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    before = content(recorded.root)
    for day in DAYS[:-1]:
        assert materialize(instance, day, report=False, policy=policy, capital_usd=25_000.0).success
    summary = summary_on(instance, DAYS[-1], policy=policy, capital_usd=25_000.0)
    (tmp_path / "other").mkdir()
    told = command(tmp_path / "other", policy)
    assert told["seconds"] > 0
    for name, value in asdict(summary).items():
        if isinstance(value, float) and name != "seconds":
            assert told[name] == pytest.approx(value, rel=0, abs=1e-9), name
    assert (told["rebalances"], told["decisions"]) == (summary.rebalances, summary.decisions)
    assert (told["epochs"], told["epochs_missing"]) == (3 * 96, 1)
    assert told["nav_start"] == pytest.approx(25_000.0, abs=0.01)
    if policy == "default":
        assert told["rebalances"] > 0
        assert told["fees_usd"] > 0
    assert content(recorded.root) == before
    assert not (home / "journal.db").exists()


def test_a_day_goes_on_from_the_day_before_or_says_that_it_begins_anew(
    home: Path, instance: dg.DagsterInstance
) -> None:
    assert materialize(instance, DAYS[0], report=False, policy="wide").success
    second_summary = summary_on(instance, DAYS[1], policy="wide")
    assert materialize(instance, DAYS[2], report=False, policy="hodl").success
    first, second, third = (metadata(instance, "executed_transactions", day) for day in DAYS)
    assert first["begin"] == f"begins anew: {DAYS[0] - ONE_DAY} is not materialized"
    assert second["begin"] == f"goes on from {DAYS[0]}"
    assert second["run"] == first["run"]
    assert third["begin"] == f"begins anew: {DAYS[1]} is of another backtest, {first['run']}"
    assert second_summary.first_at == at(DAYS[0])
    assert third["run"].startswith(f"{PAIR}-hodl-{DAYS[2]}-")


def test_a_day_is_told_with_its_figures_its_decisions_and_its_holes(home: Path, instance: dg.DagsterInstance) -> None:
    result = materialize(instance, DAYS[1], report=False)
    assert result.success
    told = {name: metadata(instance, name, DAYS[1]) for name in ("allocations", "executed_transactions")}
    assert told["allocations"]["epochs_without_market"] == 1
    assert "no snapshot is recorded (1x)" in told["allocations"]["problems"]
    assert "PRA" in told["allocations"]["decisions"]
    assert "| 00:15 |" in told["executed_transactions"]["transactions"], "a plan is carried out an epoch later"
    assert metadata(instance, "pool_snapshots", DAYS[1])["epochs_usable"] == 95
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert checks["minutes_recorded"].passed
    assert not checks["snapshots_recorded"].passed
    assert checks["snapshots_recorded"].description == "no snapshot from 05:30 to 05:45"
    assert checks["snapshots_recorded"].severity is dg.AssetCheckSeverity.WARN
    parts = told["executed_transactions"]
    costs = parts["lvr_usd"] + parts["swap_usd"] + parts["gas_usd"] + parts["bridge_usd"]
    gains = parts["fees_usd"] + parts["rewards_usd"] + parts["price_usd"] + parts["flow_usd"]
    assert parts["change_usd"] == pytest.approx(gains - costs, abs=1e-9)
    assert parts["nav_usd"] == pytest.approx(10_000.0 + parts["change_usd"], abs=0.01)


def test_a_day_read_afterwards_is_used_with_what_is_chosen_in_the_launchpad(
    home: Path, instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    past = recorded_tape(tmp_path / "past")
    read_afterwards(past, DAYS[0])
    monkeypatch.setenv("ALM_HISTORY_DIR", str(past.root))
    prices = {"quote_usd": 1.0, "native_usd": [f"{CHAIN_ID}={NATIVE_USD}"]}
    assert materialize(instance, DAYS[0], policy="hodl", **prices).success
    snapshots = metadata(instance, "pool_snapshots", DAYS[0])
    assert (snapshots["epochs_usable"], snapshots["epochs_read_afterwards"]) == (0, 96)
    assert "96 snapshots were read afterwards" in snapshots["missing"]
    assert metadata(instance, "allocations", DAYS[0])["epochs_without_market"] == 0
    assert (
        f"chain {CHAIN_ID} assumed: {NATIVE_USD:g} (96x)"
        in metadata(instance, "backtest_report", DAYS[0])["assumptions"]
    )


def test_a_day_materialized_again_is_not_computed_again_unless_told(home: Path, instance: dg.DagsterInstance) -> None:
    for choice, computed in (({}, "True"), ({}, "False"), ({"anew": True}, "True")):
        assert materialize(instance, DAYS[0], report=False, policy="hodl", **choice).success
        assert metadata(instance, "allocations", DAYS[0])["computed_now"] == computed


def test_a_day_of_which_nothing_is_recorded_holds_nothing_up_and_says_so(
    home: Path, instance: dg.DagsterInstance
) -> None:
    early = FIRST_DAY - 2 * ONE_DAY
    result = materialize(instance, early, policy="hodl")
    assert result.success
    assert metadata(instance, "executed_transactions", early)["epochs"] == 0
    assert "no epoch from 2026-01-29 to 2026-01-29 has a" in metadata(instance, "backtest_report", early)["problems"]
    (check,) = [one for one in result.get_asset_check_evaluations() if one.check_name == "snapshots_recorded"]
    assert check.description == "no snapshot from 00:00 to 24:00"
    assert (
        materialize(instance, early + ONE_DAY, policy="hodl").output_for_node("backtest__backtest_report").epochs == 96
    )


def test_the_environment_chooses_where_the_launchpad_does_not(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALM_BACKTEST_POLICY", "hodl")
    monkeypatch.setenv("ALM_BACKTEST_CAPITAL_USD", "500")
    assert materialize(instance, DAYS[0], report=False).success
    told = metadata(instance, "executed_transactions", DAYS[0])
    assert (told["policy"], round(told["nav_usd"] - told["change_usd"])) == ("hodl", 500)


def test_the_report_is_a_page_figures_and_a_value_that_is_loaded_back_as_it_was(
    home: Path, instance: dg.DagsterInstance
) -> None:
    summary = summary_on(instance, DAYS[0], policy="hodl")
    told = metadata(instance, "backtest_report", DAYS[0])
    assert (told["nav_end"], told["policy"]) == (summary.nav_end, "hodl")
    assert {name for name in told if name.startswith("figure_")} == {
        f"figure_{name}" for name in ("price", "nav", "pnl", "allocation", "apr")
    }
    page = Path(told["page"])
    assert page.parent.parent.parent == home / "backtest-history"
    assert "hodl" in page.read_text()
    with defs.get_asset_value_loader(instance=instance) as loader:
        loaded = loader.load_asset_value(dg.AssetKey(["backtest", "backtest_report"]), partition_key=key(DAYS[0]))
    assert loaded == summary


def test_a_day_waits_for_the_day_before_and_for_nothing_else_of_its_own_step(instance: dg.DagsterInstance) -> None:
    register_pairs(instance, [PAIR])
    graph, executed = defs.resolve_asset_graph(), dg.AssetKey(["backtest", "executed_transactions"])
    market = {dg.AssetKey(["backtest", name]) for name in ("candles", "pool_snapshots")}
    for name in ("force_signals", "optimized_ranges", "allocations"):
        assert graph.get(dg.AssetKey(["backtest", name])).parent_keys == market, (
            "or no backfill gets past its first day"
        )
    assert graph.get(executed).parent_keys == {*market, executed}
    found = day_before.get_upstream_mapped_partitions_result_for_partitions(
        pair_days.subset_with_partition_keys([key(DAYS[1])]), pair_days, pair_days, dynamic_partitions_store=instance
    )
    assert list(found.partitions_subset.get_partition_keys()) == [key(DAYS[0])]
