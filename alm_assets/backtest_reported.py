"""Days that ``alm backtest`` has computed, shown in the UI as materialized partitions, as a run of them would be."""

from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

from alm_assets.backtest_market import recorded_minutes, recorded_quarter_hours
from alm_assets.backtest_pages import report_metadata
from alm_assets.backtest_tables import day_metadata
from alm_assets.jobs import BACKTEST_PREFIX
from alm_assets.tables import Metadata

if TYPE_CHECKING:
    from alm_resources.history import HistoryStore
    from alm_resources.history.backtests import BacktestRun, DayDone


def report_day(instance: dg.DagsterInstance, recorded: "HistoryStore", run: "BacktestRun", done: "DayDone") -> None:
    """Report a day of a run to an instance; days that are computed in the UI later go on from it.

    Parameters
    ----------
    instance
        Where it is reported; knows the pair.
    recorded
        History of the market.
    run, done
        The run, and its day.
    """
    begin = "the first day" if done.day == run.first_day else "goes on from the day before"
    metadata = {
        "candles": recorded_minutes(recorded, run.pair, done.day)[0],
        "pool_snapshots": recorded_quarter_hours(recorded, run.pair, done.day)[0],
        **day_metadata(run, done, f"{begin} of a run of alm backtest"),
    }
    for name, entries in metadata.items():
        _report(instance, name, run.pair, done.day, entries)


def report_end(instance: dg.DagsterInstance, recorded: "HistoryStore", run: "BacktestRun", last_day: date) -> None:
    """Report what a run came to as the ``backtest_report`` of its last day."""
    _report(instance, "backtest_report", run.pair, last_day, report_metadata(run, recorded, last_day))


def _report(instance: dg.DagsterInstance, name: str, pair: str, day: date, metadata: Metadata) -> None:
    key = dg.MultiPartitionKey({"pair": pair, "day": day.isoformat()})
    instance.report_runless_asset_event(
        dg.AssetMaterialization(dg.AssetKey([BACKTEST_PREFIX, name]), partition=key, metadata=metadata)
    )
