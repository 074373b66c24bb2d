"""Epochs computed again without Dagster: the same bytes, or the first thing that differs."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from alm_assets.provenance import EPOCH_INPUTS
from alm_assets.replay import EpochReplay, epochs_between, first_difference, replay_epoch
from alm_assets.runner import run_epoch
from alm_core.model.config import StrategyConfig
from alm_core.model.decisions import DecisionKind
from alm_core.model.epochs import Epoch
from alm_core.model.inputs import EpochInputs
from alm_core.model.signals import ForceSignals
from alm_resources.history.frames import write_frame
from alm_tests.assets.test_provenance import change_candle, change_snapshot
from alm_tests.assets.world import EPOCH, EPOCH_AT, PAIR, QUARTER, MemoryWorld, content

EPOCHS = 4


@pytest.fixture(scope="module")
def played_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Epochs that Dagster ran once, with the search of parameters; tests look at copies."""
    home = tmp_path_factory.mktemp("played")
    world = MemoryWorld(home, StrategyConfig(optimize=True))
    with dg.DagsterInstance.ephemeral() as instance:
        for number in range(EPOCHS):
            at = EPOCH_AT + number * QUARTER
            done = run_epoch(instance, PAIR, at, job=world.job(), history=world.history, alerts=world.alerts)
            assert done.error is None
            assert done.report.decision is (DecisionKind.PRA if number else DecisionKind.HOLD)
    return home


@pytest.fixture
def played(played_home: Path, tmp_path: Path) -> MemoryWorld:
    shutil.copytree(played_home, tmp_path / "home")
    return MemoryWorld(tmp_path / "home", StrategyConfig(optimize=True))


def replay(world: MemoryWorld, number: int) -> EpochReplay:
    return replay_epoch(Epoch(pair=PAIR, epoch_at=EPOCH_AT + number * QUARTER), world.history)


def test_epochs_of_a_run_are_replayed_identically_and_nothing_is_written(played: MemoryWorld) -> None:
    before = content(played.history.root)
    found = epochs_between(played.history, PAIR, EPOCH_AT - timedelta(days=1), EPOCH_AT + timedelta(days=1))
    assert [epoch.epoch_at for epoch in found] == [EPOCH_AT + number * QUARTER for number in range(EPOCHS)]
    for epoch in found:
        again = replay_epoch(epoch, played.history)
        assert again.verdict == "identical", again
        assert [(asset.asset, asset.state) for asset in again.assets] == [
            ("force_signals", "equal"),
            ("optimized_ranges", "equal"),
            ("allocations", "equal"),
        ]
        assert not again.other_code
    assert content(played.history.root) == before


def test_other_settings_do_not_change_a_replay(played: MemoryWorld) -> None:
    played.settings = replace(played.settings, strategy=StrategyConfig(optimize=False, max_positions=1))
    assert replay(played, 1).verdict == "identical"


def test_a_changed_candle_is_found_by_every_epoch_that_saw_it(played: MemoryWorld) -> None:
    change_candle(played.history.root)
    for number in range(EPOCHS):
        again = replay(played, number)
        assert again.verdict == "different"
        assert "the 1440 minutes of 2025-11-03" in again.reason
        assert again.assets == ()


def test_a_changed_snapshot_is_found_by_its_epoch_and_those_after_it(played: MemoryWorld) -> None:
    change_snapshot(played.history.root, EPOCH_AT + QUARTER)
    verdicts = [replay(played, number).verdict for number in range(EPOCHS)]
    assert verdicts == ["identical", "different", "different", "different"]
    assert "pool_snapshots at 2025-11-20T10:45:00+00:00" in replay(played, 3).reason


def test_settings_changed_in_the_record_are_found_by_what_the_plan_says_of_its_inputs(played: MemoryWorld) -> None:
    record = played.history.read_epoch(EPOCH_INPUTS, EpochInputs, PAIR, EPOCH_AT)
    assert record is not None
    played.history.write_epoch(EPOCH_INPUTS, replace(record, strategy=replace(record.strategy, amortize_days=8.0)))
    again = replay(played, 0)
    assert again.verdict == "different"
    plan = again.assets[-1]
    assert (plan.asset, plan.state, plan.field) == ("allocations", "different", "inputs_hash")
    assert plan.stored != plan.computed


def test_a_changed_decision_is_told_by_its_field_and_both_values(played: MemoryWorld) -> None:
    signals = played.history.read_epoch("force_signals", ForceSignals, PAIR, EPOCH_AT)
    assert signals is not None
    forged = replace(signals, composite=replace(signals.composite, trend=99.5))
    played.history.write_epoch("force_signals", forged)
    first, *others = replay(played, 0).assets
    assert (first.state, first.field, first.stored) == ("different", "composite.trend", "99.5")
    assert first.computed == json.dumps(signals.composite.trend)
    assert {asset.state for asset in others} == {"equal"}


def test_an_epoch_without_record_or_outcome_is_unknown_and_not_different(played: MemoryWorld) -> None:
    unknown = replay_epoch(Epoch(pair=PAIR, epoch_at=EPOCH_AT - QUARTER), played.history)
    assert unknown.verdict == "unknown"
    assert "epoch_inputs has no record of WETH-USDC@2025-11-20T10:15:00Z" in unknown.reason
    (played.history.root / "allocations" / PAIR / "2025-11-20.parquet").unlink()
    lost = replay_epoch(EPOCH, played.history)
    assert lost.verdict == "unknown"
    assert [asset.state for asset in lost.assets] == ["equal", "equal", "unknown"]


def test_an_unreadable_file_is_unknown_and_names_the_file(played: MemoryWorld) -> None:
    path = played.history.root / EPOCH_INPUTS / PAIR / "2025-11-20.parquet"
    path.write_bytes(b"not parquet")
    again = replay_epoch(EPOCH, played.history)
    assert again.verdict == "unknown"
    assert str(path) in again.reason


def test_another_version_of_the_code_is_told(played: MemoryWorld) -> None:
    path = played.history.root / EPOCH_INPUTS / PAIR / "2025-11-20.parquet"
    frame = pl.read_parquet(path)
    renamed = pl.col("payload").str.replace(r'"code_version":"[^"]*"', '"code_version":"0.0.1"')
    write_frame(path, frame.with_columns(renamed))
    again = replay(played, 0)
    assert again.other_code
    assert again.recorded_code == "0.0.1"
    # The plan carries the version that first decided, and that is the one in the record.
    assert again.assets[-1].field == "code_version"


def test_the_first_difference_is_by_path_and_by_bytes() -> None:
    assert first_difference({"a": {"b": [1, 2]}}, {"a": {"b": [1, 2]}}) is None
    assert first_difference({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}) == ("a.b.1", "2", "3")
    assert first_difference({"a": 1}, {"a": 1.0}) == ("a", "1", "1.0")
    assert first_difference({"a": True}, {"a": 1}) == ("a", "true", "1")
    assert first_difference({"a": 1}, {"a": 1, "b": None}) == ("b", "absent", "null")
    assert first_difference([1, 2], [1]) == ("1", "2", "absent")
    assert first_difference({"a": {}}, {"a": []}) == ("a", "{}", "[]")


def test_replaying_needs_no_dagster() -> None:
    code = "import sys, alm_assets.replay; sys.exit('dagster' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
