"""The pooled event log: what Dagster's own storage does, without an engine per statement."""

import threading

import dagster as dg

from alm_assets.event_log import PooledSqliteEventLogStorage, PooledSqliteRunStorage, pooled_engine
from alm_assets.runner import run_epoch
from alm_tests.assets.world import EPOCH_AT, PAIR, MemoryWorld


def test_the_configuration_names_the_pooled_storages(instance: dg.DagsterInstance) -> None:
    assert isinstance(instance.event_log_storage, PooledSqliteEventLogStorage)
    assert isinstance(instance.run_storage, PooledSqliteRunStorage)


def test_one_engine_serves_all_statements(instance: dg.DagsterInstance) -> None:
    storage = instance.event_log_storage
    assert isinstance(storage, PooledSqliteEventLogStorage)
    with storage.index_connection() as first:
        engine = first.engine
    with storage.run_connection("any") as second:
        assert second.engine is engine


def test_a_page_that_follows_a_run_hears_of_events_another_connection_writes(
    instance: dg.DagsterInstance, world: MemoryWorld
) -> None:
    run = instance.create_run_for_job(world.job())
    heard = threading.Event()
    instance.watch_event_logs(run.run_id, None, lambda _entry, _cursor: heard.set())
    try:
        with dg.DagsterInstance.from_ref(instance.get_ref()) as other:
            other.report_engine_event("hello", run)
        assert heard.wait(timeout=20)
    finally:
        instance.event_log_storage.dispose()


def test_an_instance_opened_later_sees_the_epoch(instance: dg.DagsterInstance, world: MemoryWorld) -> None:
    done = run_epoch(instance, PAIR, EPOCH_AT, job=world.job(), history=world.history, alerts=world.alerts)
    with dg.DagsterInstance.from_ref(instance.get_ref()) as later:
        found = later.get_run_by_id(done.run_id)
        assert found is not None
        assert found.status is dg.DagsterRunStatus.SUCCESS
        assert later.get_latest_materialization_event(dg.AssetKey("epoch_report")) is not None


def test_a_connection_waits_for_no_disk_but_loses_no_committed_row_to_a_crash_of_the_process(
    instance: dg.DagsterInstance,
) -> None:
    engine = pooled_engine(f"sqlite:///{instance.root_directory}/probe.db")
    with engine.begin() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1
    engine.dispose()
