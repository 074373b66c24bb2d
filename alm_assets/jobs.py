"""Jobs. ``rebalance`` is one epoch of one pair, in one process: a step is not worth a process of its own."""

from functools import partial
from typing import Any

import dagster as dg

from alm_assets.freshness import epochs_fresh

REBALANCE = "rebalance"
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

# PathLike without argument in its signature: strict checking takes it for unknown.
_dagster: Any = dg
_asset_job = _dagster.define_asset_job
_epoch_job = partial(
    _asset_job,
    REBALANCE,
    description="One epoch of one pair: read, decide, execute, report.",
    executor_def=dg.in_process_executor,
    tags={"alm/job": REBALANCE},
)

rebalance = _epoch_job(
    selection=dg.AssetSelection.assets(*EPOCH_ASSETS) - dg.AssetSelection.checks(epochs_fresh),
)
backtest_rebalance = _epoch_job(
    selection=dg.AssetSelection.assets(*([BACKTEST_PREFIX, name] for name in EPOCH_ASSETS)),
)
freshness = _asset_job(
    "freshness",
    selection=dg.AssetSelection.checks(epochs_fresh),
    description="Whether every pair has a recent epoch.",
    executor_def=dg.in_process_executor,
)
