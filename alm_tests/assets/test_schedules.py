"""The quarter hours: keys, tags and partitions of what is requested, and ticks that come late."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from alm_assets.definitions_live import defs
from alm_assets.epochs import EPOCH_TAG
from alm_assets.freshness import stale_pairs
from alm_assets.schedules import quarter_hours, requests_of_tick
from alm_core.model.epochs import floor_to_epoch
from alm_tests.assets.world import MemoryWorld

TICK = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
PAIRS = ("USDC-USDT", "WETH-USDC")


def test_a_tick_requests_one_run_per_pair() -> None:
    requests = requests_of_tick(PAIRS, TICK, TICK + timedelta(seconds=4))
    assert isinstance(requests, list)
    assert [request.run_key for request in requests] == [
        "USDC-USDT@2026-11-22T10:30:00Z",
        "WETH-USDC@2026-11-22T10:30:00Z",
    ]
    assert [request.partition_key for request in requests] == ["2026-11-22|USDC-USDT", "2026-11-22|WETH-USDC"]
    assert {request.tags[EPOCH_TAG] for request in requests} == {"2026-11-22T10:30:00+00:00"}


def test_the_epoch_is_the_scheduled_time_whatever_the_clock_says() -> None:
    early = requests_of_tick(PAIRS, TICK, TICK - timedelta(seconds=2))
    late = requests_of_tick(PAIRS, TICK, TICK + timedelta(minutes=14, seconds=59))
    assert isinstance(early, list)
    assert isinstance(late, list)
    assert [request.run_key for request in early] == [request.run_key for request in late]


def test_midnight_belongs_to_the_new_day() -> None:
    midnight = datetime(2026, 11, 23, tzinfo=UTC)
    requests = requests_of_tick(PAIRS[:1], midnight, midnight)
    assert isinstance(requests, list)
    assert requests[0].partition_key == "2026-11-23|USDC-USDT"


@pytest.mark.parametrize("late", [timedelta(minutes=15), timedelta(hours=9)])
def test_a_tick_whose_epoch_is_over_is_skipped(late: timedelta) -> None:
    skipped = requests_of_tick(PAIRS, TICK, TICK + late)
    assert isinstance(skipped, dg.SkipReason)
    assert "2026-11-22T10:30:00+00:00" in str(skipped.skip_message)


def test_the_schedule_registers_its_pairs_and_todays_partition_exists(
    instance: dg.DagsterInstance, world: MemoryWorld
) -> None:
    now = floor_to_epoch(datetime.now(UTC))
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=now,
        repository_def=defs.get_repository_def(),
        resources={"settings": world.settings},
    )
    data = quarter_hours.evaluate_tick(context)
    requests = list(data.run_requests or [])
    assert {request.tags["dagster/partition"] for request in requests} == {
        f"{now:%Y-%m-%d}|{pair}" for pair in world.settings.pairs
    }
    assert set(instance.get_dynamic_partitions("pair")) == set(world.settings.pairs)
    assert quarter_hours.cron_schedule == "*/15 * * * *"
    assert quarter_hours.execution_timezone == "UTC"


def test_a_pair_is_stale_when_its_last_epoch_is_old_or_unknown() -> None:
    last = {"fresh": TICK, "old": TICK - timedelta(hours=1), "unknown": None}
    assert stale_pairs(last, TICK + timedelta(minutes=34)) == ["old", "unknown"]
