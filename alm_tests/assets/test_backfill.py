"""Past days from the UI: the same code as the command, per partition, and nothing that is stored is replaced."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from alm_assets import market
from alm_assets.backfill import Backfill, backfill_candles, settled_epochs
from alm_assets.epochs import EPOCH_TAG, epoch_tag
from alm_assets.partitions import pair_days, register_pairs
from alm_assets.runner import run_epoch
from alm_core.model.candles import CandleSeries
from alm_core.model.epochs import Epoch
from alm_core.model.errors import SourceUnavailable
from alm_core.model.inputs import candle_inputs
from alm_core.model.market import MarketSnapshot, SourceProblem
from alm_core.model.ports import CandleFetch
from alm_tests.assets.world import EPOCH_AT, PAIR, QUARTER, MemoryWorld, content, minutes

DAY = date(2025, 11, 18)
START = datetime(2025, 11, 18, tzinfo=UTC)
NOW = datetime(2025, 11, 20, 10, 44, 31, tzinfo=UTC)
ONE_DAY = timedelta(days=1)


def key(day: str) -> str:
    return f"{day}|{PAIR}"


def materialized(instance: dg.DagsterInstance, asset: str) -> set[str]:
    return instance.get_materialized_partitions(dg.AssetKey(asset))


def backfill(world: MemoryWorld, instance: dg.DagsterInstance, now: datetime = NOW) -> Backfill:
    return Backfill(instance, world.history, world.feed, world.snapshots, lambda: now)


def run_of(
    world: MemoryWorld, instance: dg.DagsterInstance, day: str, assets: Sequence[str], **options: Any
) -> dg.ExecuteInProcessResult:
    register_pairs(instance, [PAIR])
    job = world.definitions().resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        instance=instance,
        partition_key=dg.MultiPartitionKey({"day": day, "pair": PAIR}),
        asset_selection=[dg.AssetKey(name) for name in assets],
        raise_on_error=False,
        **options,
    )


def test_candles_alone_complete_a_past_day(world: MemoryWorld, instance: dg.DagsterInstance) -> None:
    result = run_of(world, instance, "2025-11-18", ["candles"])
    assert result.success
    stored = world.history.read_candles(PAIR, START, START + ONE_DAY)
    assert len(stored) == 1_440
    assert world.feed.asked == [(START, START + ONE_DAY)]
    (made,) = result.asset_materializations_for_node("candles")
    assert made.partition == key("2025-11-18")
    assert made.metadata["minutes"].value == 1_440
    assert made.metadata["inputs_sha256"].value == candle_inputs(stored, START, START + ONE_DAY).sha256
    (check,) = result.get_asset_check_evaluations()
    assert check.passed


def test_materializing_the_assets_by_themselves_backfills_as_well(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    register_pairs(instance, [PAIR])
    result = dg.materialize(
        [market.candles, market.pool_snapshots],
        instance=instance,
        partition_key=dg.MultiPartitionKey({"day": "2025-11-18", "pair": PAIR}),
        resources=dict(world.resources()),
    )
    assert result.success
    assert len(world.history.read_candles(PAIR, START, START + ONE_DAY)) == 1_440
    assert len(world.history.read_epoch_times("pool_snapshots", PAIR, START, START + ONE_DAY)) == 96
    assert world.snapshots.asked == []


def test_days_of_a_range_fill_their_partitions_and_a_second_pass_fetches_nothing(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    days = ["2025-11-16", "2025-11-17", "2025-11-18"]
    for day in days:
        assert run_of(world, instance, day, ["candles", "pool_snapshots"]).success
    for asset in ("candles", "pool_snapshots"):
        assert materialized(instance, asset) == {key(day) for day in days}
    before, asked = content(world.history.root), (len(world.feed.asked), len(world.snapshots.asked_past))
    assert asked == (3, 3 * 96)
    for day in days:
        assert run_of(world, instance, day, ["candles", "pool_snapshots"]).success
    assert content(world.history.root) == before
    assert (len(world.feed.asked), len(world.snapshots.asked_past)) == asked


def test_a_backfill_over_a_range_of_partitions_as_the_ui_requests_it(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    register_pairs(instance, [PAIR])
    days = ["2025-11-17", "2025-11-18"]
    keys = [str(found) for found in pair_days.get_partition_keys(dynamic_partitions_store=instance)]
    wanted = [found for found in keys if found.split("|")[0] in days]
    job = world.definitions().resolve_implicit_global_asset_job_def()
    for found in wanted:
        partition = dg.MultiPartitionKey({"day": found.split("|")[0], "pair": found.split("|")[1]})
        tags = {"dagster/backfill": "abc", **job.get_tags_for_partition_key(partition, None)}
        created = job.execute_in_process(
            instance=instance, partition_key=partition, asset_selection=[dg.AssetKey("candles")], tags=tags
        )
        assert created.success
    assert materialized(instance, "candles") == {key(day) for day in days}


def test_an_epoch_tag_still_makes_it_a_run_of_that_epoch(world: MemoryWorld, instance: dg.DagsterInstance) -> None:
    epoch = Epoch(pair=PAIR, epoch_at=EPOCH_AT)
    result = run_of(world, instance, "2025-11-20", ["candles"], tags={EPOCH_TAG: epoch_tag(epoch)})
    assert result.success
    assert world.feed.asked == [(EPOCH_AT - timedelta(days=30), EPOCH_AT)]


def test_a_full_run_of_a_past_day_replays_what_was_decided_and_not_what_was_backfilled(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    run_epoch(instance, PAIR, EPOCH_AT, job=world.job(), history=world.history, alerts=world.alerts)
    assert run_of(world, instance, "2025-11-20", ["pool_snapshots"]).success
    assert len(world.history.read_epoch_times("pool_snapshots", PAIR, EPOCH_AT - ONE_DAY, EPOCH_AT + ONE_DAY)) == 96
    result = world.materialize(instance, Epoch(pair=PAIR, epoch_at=EPOCH_AT))
    assert result.success
    assert result.output_for_node("epoch_report").epoch_at == EPOCH_AT


def test_a_backfilled_snapshot_does_not_replace_the_one_an_epoch_has_read(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    run_epoch(instance, PAIR, EPOCH_AT, job=world.job(), history=world.history, alerts=world.alerts)
    before = world.history.read_payload("pool_snapshots", PAIR, EPOCH_AT)
    assert run_of(world, instance, "2025-11-20", ["pool_snapshots"]).success
    assert world.history.read_payload("pool_snapshots", PAIR, EPOCH_AT) == before
    other = world.history.read_epoch("pool_snapshots", MarketSnapshot, PAIR, EPOCH_AT + QUARTER)
    assert other is not None
    assert (other.quote_usd, other.holdings, other.chains) == (None, (), ())
    assert EPOCH_AT not in world.snapshots.asked_past


def test_yields_are_measured_over_backfilled_snapshots(world: MemoryWorld, instance: dg.DagsterInstance) -> None:
    for day in ("2025-11-19", "2025-11-20"):
        assert run_of(world, instance, day, ["pool_snapshots"]).success
    (world.history.root / "pool_snapshots" / PAIR / "2025-11-20.parquet").unlink()
    done = run_epoch(instance, PAIR, EPOCH_AT, job=world.job(), history=world.history, alerts=world.alerts)
    # Without a past the first epoch knows no yields and holds.
    assert done.report.decision.value == "PRA"


def test_a_hole_that_no_exchange_fills_is_a_warning_of_the_day(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    world.feed.skip = (START + timedelta(hours=3), START + timedelta(hours=5))
    result = run_of(world, instance, "2025-11-18", ["candles"])
    assert result.success
    (check,) = result.get_asset_check_evaluations()
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert "2025-11-18T03:00:00+00:00 to 2025-11-18T05:00:00+00:00" in str(check.description)
    assert len(world.history.read_candles(PAIR, START, START + ONE_DAY)) == 1_320


def test_a_node_without_old_state_fails_the_day_and_says_why(
    world: MemoryWorld, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("dagster._core.execution.plan.active.time.sleep", waits.append)
    clock = iter(range(0, 10**6, 30))
    monkeypatch.setattr("dagster._core.execution.plan.active.time.time", lambda: float(next(clock)))
    world.snapshots.past_error = SourceUnavailable("rpc:8453", "past snapshots need an archive node")
    result = run_of(world, instance, "2025-11-18", ["pool_snapshots"])
    assert not result.success
    assert "need an archive node" in str(result.failure_data_for_node("pool_snapshots"))


def test_the_command_completes_days_and_reports_each_as_materialized(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    work = backfill(world, instance)
    outcomes = [work.run_day("candles", PAIR, DAY + offset * ONE_DAY) for offset in range(4)]
    assert [(one.state, one.stored, one.good) for one in outcomes] == [
        ("complete", 1_440, True),
        ("complete", 1_440, True),
        ("complete", 644, True),
        ("not begun", 0, True),
    ]
    assert materialized(instance, "candles") == {key("2025-11-18"), key("2025-11-19"), key("2025-11-20")}
    event = instance.get_latest_materialization_event(dg.AssetKey("candles"))
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["minutes"].value == 644


def test_a_stopped_backfill_goes_on_with_what_is_missing(world: MemoryWorld, instance: dg.DagsterInstance) -> None:
    world.history.write_candles(PAIR, minutes(START, START + timedelta(hours=6)))
    world.history.write_candles(PAIR, minutes(START + timedelta(hours=20), START + ONE_DAY))
    work = backfill(world, instance)
    outcome = work.run_day("candles", PAIR, DAY)
    assert (outcome.state, outcome.stored, outcome.fresh) == ("complete", 1_440, 840)
    assert world.feed.asked == [(START + timedelta(hours=6), START + timedelta(hours=20))]
    assert work.run_day("candles", PAIR, DAY).state == "was complete"
    assert len(world.feed.asked) == 1


def test_a_day_that_epochs_stored_gets_its_materialization_without_a_fetch(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    run_epoch(instance, PAIR, EPOCH_AT, job=world.job(), history=world.history, alerts=world.alerts)
    assert materialized(instance, "candles") == {key("2025-11-20")}
    asked = len(world.feed.asked)
    assert backfill(world, instance).run_day("candles", PAIR, DAY).state == "was complete"
    assert materialized(instance, "candles") == {key("2025-11-20"), key("2025-11-18")}
    assert len(world.feed.asked) == asked


def test_a_day_that_fails_names_the_reason_and_the_next_one_goes_on(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    work = backfill(world, instance)
    world.feed.error = SourceUnavailable("candles of WETH-USDC", "every exchange failed")
    failed = work.run_day("candles", PAIR, DAY)
    assert (failed.state, failed.good) == ("failed", False)
    assert "every exchange failed" in failed.detail
    world.feed.error = None
    assert work.run_day("candles", PAIR, DAY + ONE_DAY).state == "complete"
    assert materialized(instance, "candles") == {key("2025-11-19")}
    early = work.run_day("candles", PAIR, date(2020, 1, 1))
    assert (early.state, early.detail) == ("failed", "partitions begin on 2022-07-01")


def test_a_snapshot_backfill_that_breaks_off_keeps_what_it_read(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    work = backfill(world, instance)

    class Breaking:
        def read_past_snapshot(self, epoch: Epoch) -> MarketSnapshot:
            if epoch.epoch_at == START + 10 * QUARTER:
                raise SourceUnavailable("rpc:8453", "gone")
            return world.snapshots.read_past_snapshot(epoch)

    broken = Backfill(instance, world.history, world.feed, Breaking(), lambda: NOW)
    assert broken.run_day("pool_snapshots", PAIR, DAY).state == "failed"
    assert materialized(instance, "pool_snapshots") == set()
    done = work.run_day("pool_snapshots", PAIR, DAY)
    assert (done.state, done.stored, done.fresh) == ("complete", 96, 86)
    assert work.run_day("pool_snapshots", PAIR, DAY).state == "was complete"


def test_a_quarter_hour_that_a_run_may_still_read_is_left_to_it(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    assert settled_epochs(NOW.date(), NOW)[-1] == datetime(2025, 11, 20, 10, 0, tzinfo=UTC)
    assert settled_epochs(NOW.date() + ONE_DAY, NOW) == []
    outcome = backfill(world, instance).run_day("pool_snapshots", PAIR, NOW.date())
    assert (outcome.state, outcome.stored) == ("complete", 41)
    assert backfill(world, instance).run_day("pool_snapshots", PAIR, NOW.date() + ONE_DAY).state == "not begun"


def test_minutes_without_consensus_stay_out_of_a_backfilled_day(world: MemoryWorld) -> None:
    class Disputed:
        def fetch_candles(self, pair_id: str, start_at: datetime, end_at: datetime) -> CandleFetch:
            series = minutes(start_at, end_at)
            agreed = CandleSeries.joined([series.rows(slice(0, 7)), series.rows(slice(8, None))])
            problem = SourceProblem(source="candles of WETH-USDC", detail="no consensus at 00:07")
            return CandleFetch(series=agreed, sources=("a", "b"), problems=(problem,))

    found = backfill_candles(PAIR, DAY, Disputed(), world.history, NOW)
    assert found.missing == [(START + timedelta(minutes=7), START + timedelta(minutes=8))]
    assert found.problems[0].detail == "no consensus at 00:07"
