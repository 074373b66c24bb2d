"""Code location ``alm_backtest``: the same assets over recorded history, under the key prefix ``backtest``.

The prefix keeps a backtest's materializations apart from what really happened; its own folder keeps its data apart.
"""

import dagster as dg

from alm_assets import execution, market, shadow, strategy
from alm_assets.jobs import BACKTEST_PREFIX, backtest_rebalance
from alm_assets.resources_backtest import (
    BacktestHistory,
    BacktestIO,
    BacktestSettings,
    RecordedCandlesResource,
    RecordedSnapshotsResource,
    RecordingExecutorResource,
)

defs = dg.Definitions(
    assets=dg.load_assets_from_modules(  # pyright: ignore[reportUnknownMemberType] - AutomationCondition in it
        [market, strategy, shadow, execution], key_prefix=BACKTEST_PREFIX
    ),
    jobs=[backtest_rebalance],
    executor=dg.in_process_executor,
    resources={
        "settings": BacktestSettings(),
        "candle_feed": RecordedCandlesResource(),
        "snapshots": RecordedSnapshotsResource(),
        "executor": RecordingExecutorResource(),
        "history": BacktestHistory(),
        "io_manager": BacktestIO(),
    },
)
