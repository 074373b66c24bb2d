"""``alm replay``: exit codes, what differs, and what cannot be known."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from alm_assets.runner import run_epoch
from alm_cli.replay import replay, run_replay
from alm_core.model.errors import InvalidInput
from alm_core.model.signals import OptimizedRange
from alm_resources.history import HistoryStore
from alm_tests.assets.world import EPOCH_AT, PAIR, QUARTER, MemoryWorld

DAY = "2025-11-20"


@pytest.fixture
def played(home: Path) -> HistoryStore:
    world = MemoryWorld(home)
    with dg.DagsterInstance.ephemeral() as instance:
        for number in range(2):
            at = EPOCH_AT + number * QUARTER
            assert run_epoch(instance, PAIR, at, job=world.job(), history=world.history, alerts=world.alerts).success
    return world.history


def forge(history: HistoryStore) -> None:
    found = history.read_epoch("optimized_ranges", OptimizedRange, PAIR, EPOCH_AT + QUARTER)
    assert found is not None
    history.write_epoch("optimized_ranges", replace(found, evaluations=17))


def test_a_day_of_epochs_is_identical(played: HistoryStore, runner: CliRunner) -> None:
    result = runner.invoke(replay, ["--pair", PAIR, "--from", DAY, "--to", DAY, "--json"])
    assert result.exit_code == 0, result.stderr
    answer = json.loads(result.stdout)
    assert (answer["identical"], answer["different"], answer["unknown"]) == (2, 0, 0)
    assert [one["verdict"] for one in answer["epochs"]] == ["identical", "identical"]


def test_one_epoch_is_told_asset_by_asset(played: HistoryStore, runner: CliRunner) -> None:
    result = runner.invoke(replay, ["--pair", PAIR, "--epoch", "2025-11-20T10:45:00Z"])
    assert result.exit_code == 0
    for asset in ("force_signals", "optimized_ranges", "allocations"):
        assert f"{asset}: equal" in result.stderr
    assert "1 identical" in result.stderr


def test_a_difference_is_told_with_field_and_values(played: HistoryStore, runner: CliRunner) -> None:
    forge(played)
    result = runner.invoke(replay, ["--pair", PAIR, "--from", DAY])
    assert result.exit_code == 1
    assert "optimized_ranges: different in evaluations: stored 17, computed 0" in result.stderr
    assert "1 identical, 1 different, 0 unknown" in result.stderr


def test_what_is_not_recorded_is_unknown_with_exit_code_1(played: HistoryStore, runner: CliRunner) -> None:
    result = runner.invoke(replay, ["--pair", PAIR, "--epoch", "2025-11-20T09:00:00Z", "--json"])
    assert result.exit_code == 1
    answer = json.loads(result.stdout)
    assert (answer["identical"], answer["different"], answer["unknown"]) == (0, 0, 1)
    assert "has no record" in answer["epochs"][0]["reason"]
    nothing = runner.invoke(replay, ["--pair", PAIR, "--from", "2025-10-01", "--to", "2025-10-31"])
    assert nothing.exit_code == 1
    assert "no epoch is recorded" in nothing.stderr


def test_another_home_can_be_looked_at(
    played: HistoryStore, home: Path, runner: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ALM_HOME", str(tmp_path / "elsewhere"))
    assert runner.invoke(replay, ["--pair", PAIR, "--from", DAY]).exit_code == 1
    assert runner.invoke(replay, ["--pair", PAIR, "--from", DAY, "--home", str(home)]).exit_code == 0
    assert run_replay(PAIR, EPOCH_AT, EPOCH_AT + timedelta(days=1), home=str(home), as_json=True) == 0


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "give either --epoch, or --from and --to"),
        (["--epoch", "2025-11-20T10:30:00Z", "--from", DAY], "give either --epoch, or --from and --to"),
        (["--epoch", "2025-11-20T10:31:00Z"], "is not a quarter hour"),
        (["--epoch", "2025-11-20T10:30:00"], "has no time zone"),
        (["--epoch", "noon"], "--epoch 'noon' is not an ISO time"),
        (["--from", "2025-11-21", "--to", DAY], "--to 2025-11-20 is before --from 2025-11-21"),
    ],
)
def test_arguments_that_make_no_question_are_named(
    home: Path, runner: CliRunner, arguments: list[str], named: str
) -> None:
    result = runner.invoke(replay, ["--pair", PAIR, *arguments])
    assert isinstance(result.exception, InvalidInput)
    assert named in str(result.exception)
