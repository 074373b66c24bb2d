"""Days that ``alm backtest`` has computed, shown in the UI as materialized partitions, as a run of them would be."""

from typing import TYPE_CHECKING

import dagster as dg

from alm_assets.backtest_market import recorded_minutes, recorded_quarter_hours
from alm_assets.backtest_tables import day_metadata, report_metadata
from alm_assets.jobs import BACKTEST_PREFIX

if TYPE_CHECKING:
    from alm_resources.history import HistoryStore
    from alm_resources.history.backtests import BacktestRun, DayDone


def report_day(instance: dg.DagsterInstance, recorded: "HistoryStore", run: "BacktestRun", done: "DayDone") -> None:
    """Report a day of a run to an instance; days that are computed later go on from it in the UI.

    Parameters
    ----------
    instance
        Where it is reported; knows the pair.
    recorded
        History of the market.
    run, done
        The run, and its day.
    """
    key = dg.MultiPartitionKey({"pair": run.pair, "day": done.day.isoformat()})
    begin = "the first day" if done.day == run.first_day else "goes on from the day before"
    metadata = {
        "candles": recorded_minutes(recorded, run.pair, done.day)[0],
        "pool_snapshots": recorded_quarter_hours(recorded, run.pair, done.day)[0],
        **day_metadata(run, done, f"{begin} of a run of alm backtest"),
        "backtest_report": report_metadata(run, done.day),
    }
    for name, entries in metadata.items():
        instance.report_runless_asset_event(
            dg.AssetMaterialization(dg.AssetKey([BACKTEST_PREFIX, name]), partition=key, metadata=entries)
        )
