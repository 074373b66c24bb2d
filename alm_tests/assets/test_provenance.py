"""The record of inputs: made once, and stronger than backfills, settings and reports that come later."""

import hashlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest

from alm_assets.partitions import LOOK_BACK_DAYS
from alm_assets.provenance import EPOCH_INPUTS, InputsChanged, find_inputs, inputs_of
from alm_assets.runner import EpochRun, run_epoch
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.decisions import AllocationPlan
from alm_core.model.epochs import Epoch
from alm_core.model.errors import InvalidInput
from alm_core.model.inputs import LOOK_BACK, EpochInputs, MinuteRange
from alm_core.model.transactions import ExecutionReport, IntentState
from alm_resources.history.frames import write_frame
from alm_resources.history.payload import payload_of
from alm_tests.assets.world import EPOCH, EPOCH_AT, PAIR, QUARTER, MemoryWorld, content, minutes

DECIDED = ("force_signals", "optimized_ranges", "allocations")


def run(world: MemoryWorld, instance: dg.DagsterInstance, number: int = 0) -> EpochRun:
    done = run_epoch(
        instance, PAIR, EPOCH_AT + number * QUARTER, job=world.job(), history=world.history, alerts=world.alerts
    )
    assert done.error is None
    return done


def epoch(number: int) -> Epoch:
    return Epoch(pair=PAIR, epoch_at=EPOCH_AT + number * QUARTER)


def record_of(world: MemoryWorld, number: int = 0) -> EpochInputs:
    found = world.history.read_epoch(EPOCH_INPUTS, EpochInputs, PAIR, epoch(number).epoch_at)
    assert found is not None
    return found


def decided(world: MemoryWorld) -> dict[str, bytes]:
    return {name: data for name, data in content(world.history.root).items() if name.startswith(DECIDED)}


def forget_decisions(world: MemoryWorld) -> None:
    for name in DECIDED:
        for path in (world.history.root / name).rglob("*.parquet"):
            path.unlink()


def metadata_of(instance: dg.DagsterInstance, asset: str) -> dict[str, Any]:
    event = instance.get_latest_materialization_event(dg.AssetKey(asset))
    assert event is not None
    assert event.asset_materialization is not None
    return {name: entry.value for name, entry in event.asset_materialization.metadata.items()}


def test_the_look_back_is_that_of_the_partitions() -> None:
    assert timedelta(days=LOOK_BACK_DAYS) == LOOK_BACK


def test_every_materialization_carries_the_hash_of_what_it_read(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    run(world, instance)
    record = record_of(world)
    stored = world.history.read_payload(EPOCH_INPUTS, PAIR, EPOCH_AT)
    assert stored is not None
    for asset in DECIDED:
        assert metadata_of(instance, asset)["inputs_sha256"] == hashlib.sha256(stored.encode()).hexdigest()
    assert metadata_of(instance, "candles")["inputs_sha256"] == record.candles.sha256
    assert metadata_of(instance, "pool_snapshots")["inputs_sha256"] == record.snapshot_sha256
    snapshot = world.history.read_payload("pool_snapshots", PAIR, EPOCH_AT)
    assert snapshot is not None
    assert record.snapshot_sha256 == hashlib.sha256(snapshot.encode()).hexdigest()


def test_the_record_names_what_the_epoch_looked_back_on(world: MemoryWorld, instance: dg.DagsterInstance) -> None:
    for number in range(3):
        run(world, instance, number)
    record = record_of(world, 2)
    assert [one.epoch_at for one in record.past_snapshots] == [EPOCH_AT, EPOCH_AT + QUARTER]
    assert record.previous_range is not None
    assert record.previous_range.epoch_at == EPOCH_AT + QUARTER
    assert record.last_rebalance_at == EPOCH_AT + QUARTER
    assert record.candles.minutes == 30 * 1_440
    assert record.candles.gaps == ()
    assert [one.epoch_at for one in record.recent] == [EPOCH_AT, EPOCH_AT + QUARTER]
    assert [one.moved for one in record.recent] == [False, True]
    assert record.recent[1].nav_usd is not None
    assert record.strategy == world.settings.strategy
    plan = world.history.read_epoch("allocations", AllocationPlan, PAIR, EPOCH_AT + 2 * QUARTER)
    assert plan is not None
    assert (plan.code_version, plan.config_version) == (record.code_version, record.config_version)


def test_later_settings_reports_and_snapshots_do_not_change_an_epoch_run_again(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    world.executor.state = IntentState.MANUAL
    for number in range(4):
        run(world, instance, number)
    before = decided(world)
    executed = world.history.read_epoch("executed_transactions", ExecutionReport, PAIR, EPOCH_AT + QUARTER)
    assert executed is not None
    assert executed.transactions
    # What a person settled later, a snapshot read afterwards, other rules, and candles from before the look-back.
    settled = tuple(replace(one, state=IntentState.FINAL_OK) for one in executed.transactions)
    world.history.write_epoch("executed_transactions", replace(executed, transactions=settled))
    world.history.write_epoch_once("pool_snapshots", world.snapshots.read_past_snapshot(epoch(-1)))
    world.history.write_candles(PAIR, minutes(EPOCH_AT - timedelta(days=31), EPOCH_AT - timedelta(days=29)))
    world.settings = replace(
        world.settings, strategy=StrategyConfig(optimize=False, max_positions=1), limits=LimitsConfig(max_gas_usd=1.0)
    )
    forget_decisions(world)
    for number in range(4):
        run(world, instance, number)
    assert decided(world) == before


def test_minutes_that_a_backfill_adds_do_not_change_an_epoch_run_again(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    gap = (EPOCH_AT - timedelta(days=30), EPOCH_AT - timedelta(days=12))
    # Nothing before the gap: it stays open however old it is, as for a pair that is listed since.
    world.feed.skip = gap
    run(world, instance)
    assert record_of(world).candles.gaps == (MinuteRange(start_at=gap[0], end_at=gap[1]),)
    before = decided(world)
    assert world.history.write_candles(PAIR, minutes(*gap)) == 18 * 1_440
    forget_decisions(world)
    world.feed.skip = None
    run(world, instance)
    assert decided(world) == before
    assert find_inputs(EPOCH, world.history) is not None


def test_an_epoch_is_recorded_once(world: MemoryWorld, instance: dg.DagsterInstance) -> None:
    run(world, instance)
    first = world.history.read_payload(EPOCH_INPUTS, PAIR, EPOCH_AT)
    world.settings = replace(world.settings, limits=LimitsConfig(max_gas_usd=3.0))
    inputs = inputs_of(EPOCH, world.history, world.settings)
    assert inputs.record.limits == LimitsConfig()
    assert world.history.read_payload(EPOCH_INPUTS, PAIR, EPOCH_AT) == first
    assert payload_of(inputs.record) == first


def test_an_epoch_without_snapshot_is_not_recorded(world: MemoryWorld) -> None:
    world.history.write_candles(PAIR, minutes(EPOCH_AT - QUARTER, EPOCH_AT))
    with pytest.raises(InvalidInput, match="pool_snapshots has no value for WETH-USDC@2025-11-20T10:30:00Z"):
        inputs_of(EPOCH, world.history, world.settings)
    assert find_inputs(EPOCH, world.history) is None


def change_candle(root: Path) -> None:
    path = root / "candles" / PAIR / "2025-11-03.parquet"
    frame = pl.read_parquet(path)
    close = frame["close"].to_numpy().copy()
    close[700] = np.nextafter(close[700], 0)
    write_frame(path, frame.with_columns(pl.Series("close", close)))


def change_snapshot(root: Path, at: Any) -> None:
    path = root / "pool_snapshots" / PAIR / "2025-11-20.parquet"
    frame = pl.read_parquet(path)
    changed = pl.when(pl.col("epoch_at") == at).then(
        pl.col("payload").str.replace('"fee_pips":500', '"fee_pips":400', literal=True)
    )
    write_frame(path, frame.with_columns(changed.otherwise(pl.col("payload")).alias("payload")))


def test_a_changed_candle_stops_the_epoch_and_its_day_is_named(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    run(world, instance)
    change_candle(world.history.root)
    again = run_epoch(instance, PAIR, EPOCH_AT, job=world.job(), history=world.history, alerts=world.alerts)
    assert not again.success
    assert again.error is not None
    assert "inputs differ from their record: candles: the 1440 minutes of 2025-11-03" in again.error
    assert world.executor.calls == 1


@pytest.mark.parametrize("number", [0, 1])
def test_a_changed_snapshot_is_named_by_its_epoch(
    world: MemoryWorld, instance: dg.DagsterInstance, number: int
) -> None:
    for count in range(2):
        run(world, instance, count)
    at = EPOCH_AT + number * QUARTER
    change_snapshot(world.history.root, at)
    inputs = find_inputs(epoch(1), world.history)
    assert inputs is not None
    with pytest.raises(InputsChanged, match=f"pool_snapshots at {at.isoformat()[:19]}.* has sha256"):
        _ = inputs.past_snapshots if number == 0 else inputs.snapshot


def test_a_lost_input_is_named(world: MemoryWorld, instance: dg.DagsterInstance) -> None:
    for count in range(2):
        run(world, instance, count)
    inputs = find_inputs(epoch(1), world.history)
    assert inputs is not None
    (world.history.root / "optimized_ranges" / PAIR / "2025-11-20.parquet").unlink()
    with pytest.raises(InputsChanged, match=r"optimized_ranges at 2025-11-20T10:30.* is not stored any more"):
        _ = inputs.previous_range
    (world.history.root / "candles" / PAIR / "2025-11-10.parquet").unlink()
    with pytest.raises(InputsChanged, match=r"from 2025-11-10T00:00:00.* are not stored any more"):
        _ = inputs.candles
