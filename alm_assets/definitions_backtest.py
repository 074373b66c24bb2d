"""Code location ``alm_backtest``: assets of the same names over recorded days, under the key prefix ``backtest``.

The prefix keeps a backtest's materializations apart from what really happened; its own folder keeps its data apart.
"""

import dagster as dg

from alm_assets import backtest as assets
from alm_assets.jobs import backtest
from alm_assets.resources_backtest import BacktestsResource, ReportIO
from alm_assets.sweep import sweep

defs = dg.Definitions(
    assets=[assets.candles, assets.pool_snapshots, assets.backtest_day, assets.backtest_report],
    jobs=[backtest, sweep],
    executor=dg.in_process_executor,
    resources={"backtests": BacktestsResource(), "io_manager": ReportIO()},
)
