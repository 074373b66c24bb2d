"""Jobs, each in one process: a step is not worth a process of its own.

``rebalance`` is one epoch of one pair, ``backtest`` a recorded day of one.
"""

from typing import Any

import dagster as dg

from alm_assets.freshness import epochs_fresh

REBALANCE = "rebalance"
BACKTEST = "backtest"
BACKTEST_PREFIX = "backtest"
EPOCH_ASSETS = (
    "candles",
    "pool_snapshots",
    "force_signals",
    "optimized_ranges",
    "allocations",
    "shadow_decisions",
    "executed_transactions",
    "epoch_report",
)
BACKTEST_ASSETS = (
    "candles",
    "pool_snapshots",
    "force_signals",
    "optimized_ranges",
    "allocations",
    "executed_transactions",
    "backtest_report",
)

# PathLike without argument in its signature: strict checking takes it for unknown.
_dagster: Any = dg
_asset_job = _dagster.define_asset_job
rebalance = _asset_job(
    REBALANCE,
    description="One epoch of one pair: read, decide, execute, report.",
    executor_def=dg.in_process_executor,
    tags={"alm/job": REBALANCE},
    selection=dg.AssetSelection.assets(*EPOCH_ASSETS) - dg.AssetSelection.checks(epochs_fresh),
)
backtest = _asset_job(
    BACKTEST,
    description="One recorded day of one pair: every epoch decided and carried out in the simulated venue.",
    executor_def=dg.in_process_executor,
    tags={"alm/job": BACKTEST, "dagster/max_runtime": 86_400},
    selection=dg.AssetSelection.assets(*([BACKTEST_PREFIX, name] for name in BACKTEST_ASSETS)),
)
freshness = _asset_job(
    "freshness",
    selection=dg.AssetSelection.checks(epochs_fresh),
    description="Whether every pair has a recent epoch.",
    executor_def=dg.in_process_executor,
)
