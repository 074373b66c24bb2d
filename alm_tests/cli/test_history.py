"""``alm history``: days completed one after the other, holes told, exit codes."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from alm_assets.backfill import Backfill
from alm_cli.history import complete_days, history, run_backfill, show_gaps
from alm_core.model.epochs import Epoch
from alm_core.model.errors import ConfigError, InvalidInput, SourceUnavailable
from alm_core.model.market import MarketSnapshot
from alm_resources.history import HistoryStore
from alm_resources.registry import load_registry
from alm_tests.assets.world import PAIR, MemoryFeed, MemoryWorld, minutes
from alm_tests.cli.test_unreachable import unreachable

__all__ = ["unreachable"]

NOW = datetime(2025, 11, 20, 10, 44, 31, tzinfo=UTC)
DAYS = [date(2025, 11, 17) + timedelta(days=offset) for offset in range(3)]
START = datetime(2025, 11, 17, tzinfo=UTC)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


@pytest.fixture
def world(tmp_path: Path) -> MemoryWorld:
    return MemoryWorld(tmp_path)


def work(world: MemoryWorld, instance: dg.DagsterInstance) -> Backfill:
    return Backfill(instance, world.history, world.feed, world.snapshots, lambda: NOW)


def test_days_are_completed_and_counted(
    world: MemoryWorld, instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    assert complete_days(work(world, instance), PAIR, DAYS, ["candles", "pool_snapshots"], as_json=True) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["pair"], answer["ok"]) == (PAIR, True)
    assert [(one["asset"], one["day"], one["state"], one["fresh"]) for one in answer["days"]] == [
        *(("candles", day.isoformat(), "complete", 1_440) for day in DAYS),
        *(("pool_snapshots", day.isoformat(), "complete", 96) for day in DAYS),
    ]
    assert complete_days(work(world, instance), PAIR, DAYS, ["candles", "pool_snapshots"], as_json=True) == 0
    again = json.loads(capsys.readouterr().out)
    assert {one["state"] for one in again["days"]} == {"was complete"}
    assert len(world.feed.asked) == 3


def test_a_day_that_fails_is_told_and_the_others_are_done(
    world: MemoryWorld, instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    world.snapshots.past_error = SourceUnavailable("rpc:8453", "past snapshots need an archive node")
    assert complete_days(work(world, instance), PAIR, DAYS[:1], ["pool_snapshots", "candles"], as_json=False) == 1
    told = capsys.readouterr().err
    assert "pool_snapshots 2025-11-17: failed: rpc:8453: past snapshots need an archive node" in told
    assert "2 days, 1 failed, 1 complete; 1440 minutes or snapshots were new" in told
    assert instance.get_materialized_partitions(dg.AssetKey("candles")) == {f"2025-11-17|{PAIR}"}


def test_a_day_with_a_hole_is_not_complete_and_the_hole_is_named(
    world: MemoryWorld, instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    world.feed.skip = (START + timedelta(hours=1), START + timedelta(hours=3))
    assert complete_days(work(world, instance), PAIR, DAYS[:1], ["candles"], as_json=True) == 1
    captured = capsys.readouterr()
    (day,) = json.loads(captured.out)["days"]
    assert (day["state"], day["stored"]) == ("incomplete", 1_320)
    assert "missing 2025-11-17T01:00:00+00:00 to 2025-11-17T03:00:00+00:00" in captured.err.replace("\n", "")


def test_stopping_leaves_the_days_that_are_finished(
    world: MemoryWorld, instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    class Stopped(MemoryFeed):
        def fetch_candles(self, pair_id: str, start_at: datetime, end_at: datetime):  # type: ignore[no-untyped-def]
            if len(self.asked) == 2:
                raise KeyboardInterrupt
            return super().fetch_candles(pair_id, start_at, end_at)

    world.feed = Stopped()
    assert complete_days(work(world, instance), PAIR, DAYS, ["candles"], as_json=False) == 130
    assert "stopped after 2 days" in capsys.readouterr().err
    assert len(world.history.read_candles(PAIR, START, START + timedelta(days=3))) == 2 * 1_440
    assert len(instance.get_materialized_partitions(dg.AssetKey("candles"))) == 2
    world.feed = MemoryFeed()
    assert complete_days(work(world, instance), PAIR, DAYS, ["candles"], as_json=False) == 0
    assert world.feed.asked == [(START + timedelta(days=2), START + timedelta(days=3))]


def test_a_world_nobody_answers_in_fails_each_day_by_name(
    home: Path, unreachable: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ALM_MODE", "paper")
    monkeypatch.setenv("ALM_REGISTRY", str(unreachable))
    assert run_backfill(PAIR, DAYS[:1], ("candles", "pool_snapshots"), as_json=True, clock=lambda: NOW) == 1
    candles, snapshots = json.loads(capsys.readouterr().out)["days"]
    assert (candles["state"], snapshots["state"]) == ("failed", "failed")
    for source in load_registry().sources_of(PAIR):
        assert source.exchange in candles["detail"]
    assert "rpc:" in snapshots["detail"]
    assert not (home / "history" / "pool_snapshots").exists()


def test_the_embedded_mode_has_no_world_to_backfill_from(home: Path) -> None:
    with pytest.raises(ConfigError, match="set ALM_MODE=paper"):
        run_backfill(PAIR, DAYS, ("candles",), as_json=False)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--from", "2025-11-20", "--to", "2025-11-18"], "--to 2025-11-18 is before --from 2025-11-20"),
        (["--from", "yesterday", "--to", "2025-11-18"], "--from 'yesterday' is not a day"),
    ],
)
def test_days_that_make_no_range_are_named(home: Path, runner: CliRunner, arguments: list[str], named: str) -> None:
    for command in ("backfill", "gaps"):
        result = runner.invoke(history, [command, "--pair", PAIR, *arguments])
        assert isinstance(result.exception, InvalidInput)
        assert named in str(result.exception)


def test_gaps_are_listed_by_day_and_decide_the_exit_code(home: Path, runner: CliRunner) -> None:
    store = HistoryStore(home / "history")
    store.write_candles(PAIR, minutes(START + timedelta(hours=5), START + timedelta(hours=30)))
    whole = runner.invoke(history, ["gaps", "--pair", PAIR, "--json"])
    assert whole.exit_code == 0
    assert [day["minutes"] for day in json.loads(whole.stdout)["days"]] == [1_140, 360]
    store.write_candles(PAIR, minutes(START + timedelta(hours=31), START + timedelta(hours=32)))
    broken = runner.invoke(history, ["gaps", "--pair", PAIR, "--json"])
    assert broken.exit_code == 1
    answer = json.loads(broken.stdout)
    assert answer["whole"] is False
    assert answer["days"][1]["missing"] == [["2025-11-18T06:00:00+00:00", "2025-11-18T07:00:00+00:00"]]
    assert answer["days"][1]["sources_unknown"] == 420
    table = runner.invoke(history, ["gaps", "--pair", PAIR])
    assert table.exit_code == 1
    assert "06:00-07:00" in table.stderr
    assert "2 days, 1 with holes" in table.stderr


def test_snapshots_that_are_missing_between_others_are_a_gap(
    home: Path, world: MemoryWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    store = HistoryStore(home / "history")
    store.write_candles(PAIR, minutes(START, START + timedelta(days=1)))
    for hour in (8, 9):
        at = START + timedelta(hours=hour)
        snapshot: MarketSnapshot = world.snapshots.read_snapshot(Epoch(pair=PAIR, epoch_at=at))
        store.write_epoch_once("pool_snapshots", snapshot)
    assert show_gaps(PAIR, None, None, NOW, as_json=True) == 1
    (day,) = json.loads(capsys.readouterr().out)["days"]
    assert day["missing"] == []
    assert [at[11:16] for at in day["epochs_missing"]] == ["08:15", "08:30", "08:45"]


def test_nothing_stored_is_told_and_is_not_whole(home: Path, runner: CliRunner) -> None:
    result = runner.invoke(history, ["gaps", "--pair", PAIR])
    assert result.exit_code == 1
    assert "nothing is stored" in result.stderr
