"""Assets that read the market. What an epoch has read is stored; replaying it reads the store, not the market.

Belongs here: wiring of candles and snapshots. Does not: how either is read (``alm_resources``).

A run that only reads a past day is for no epoch and completes that day (:mod:`alm_assets.backfill`).

An asset with a check in it yields: Dagster takes the annotation of a returned result for the types of all its outputs,
checks included.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import dagster as dg

from alm_assets.backfill import (
    backfill_candles,
    backfill_snapshots,
    day_blocks_check,
    day_check,
    day_snapshots_metadata,
)
from alm_assets.checks import MINUTES_COMPLETE, ONE_BLOCK_PER_CHAIN, check_specs, minutes_complete, one_block_per_chain
from alm_assets.epochs import day_to_backfill, epoch_of
from alm_assets.lookback import complete_look_back
from alm_assets.market_tables import candle_metadata, snapshot_metadata
from alm_assets.partitions import pair_and_day, pair_days
from alm_assets.ports import History, Snapshots
from alm_assets.provenance import SNAPSHOTS
from alm_assets.retries import READING, retry_unavailable_only
from alm_core.model.candles import CandleSeries
from alm_core.model.market import MarketSnapshot
from alm_core.model.ports import CandleFeed

CandleResult = dg.MaterializeResult[CandleSeries]
SnapshotResult = dg.MaterializeResult[MarketSnapshot]


@dg.asset(
    partitions_def=pair_days,
    group_name="market",
    owners=["team:market"],
    kinds={"ccxt", "parquet"},
    tags={"effects": "none", "reads": "exchanges"},
    code_version="2",
    retry_policy=READING,
    check_specs=check_specs(
        MINUTES_COMPLETE, "candles", "No minute missing after filling, none twice, all prices positive."
    ),
)
def candles(
    context: dg.AssetExecutionContext, candle_feed: dg.ResourceParam[CandleFeed], history: dg.ResourceParam[History]
) -> Iterator[dg.MaterializeResult[CandleSeries]]:
    """Minute candles of the pair over its exchanges; prices quote per base, volume in base units, 30 days back.

    Alone, without the tag ``alm/epoch``, the minutes of a past day.
    """
    with retry_unavailable_only():
        day = day_to_backfill(context)
        result = (
            _epoch_candles(context, candle_feed, history)
            if day is None
            else _day_candles(context, day, candle_feed, history)
        )
    yield result


@dg.asset(
    partitions_def=pair_days,
    group_name="market",
    owners=["team:market"],
    kinds={"evm", "parquet"},
    tags={"effects": "none", "reads": "chains"},
    code_version="2",
    retry_policy=READING,
    check_specs=check_specs(
        ONE_BLOCK_PER_CHAIN, "pool_snapshots", "Pools, fees and holdings of a chain come from one pinned block."
    ),
)
def pool_snapshots(
    context: dg.AssetExecutionContext, snapshots: dg.ResourceParam[Snapshots], history: dg.ResourceParam[History]
) -> Iterator[dg.MaterializeResult[MarketSnapshot]]:
    """State of every pool of the pair and of our wallet, read at one pinned block per chain; raw on-chain integers.

    Without any asset but ``candles`` and without the tag ``alm/epoch``, the pools at the quarter hours of a past day.
    """
    with retry_unavailable_only():
        day = day_to_backfill(context)
        result = (
            _epoch_snapshot(context, snapshots, history)
            if day is None
            else _day_snapshots(context, day, snapshots, history)
        )
    yield result


def _epoch_candles(context: dg.AssetExecutionContext, feed: CandleFeed, history: History) -> CandleResult:
    found = complete_look_back(epoch_of(context, history), feed, history)
    return CandleResult(value=found.fresh, metadata=candle_metadata(found), check_results=[minutes_complete(found)])


def _day_candles(context: dg.AssetExecutionContext, day: date, feed: CandleFeed, history: History) -> CandleResult:
    found = backfill_candles(_pair(context), day, feed, history, datetime.now(UTC))
    return CandleResult(value=found.fresh, metadata=candle_metadata(found), check_results=[day_check(found)])


def _epoch_snapshot(context: dg.AssetExecutionContext, snapshots: Snapshots, history: History) -> SnapshotResult:
    epoch = epoch_of(context, history)
    stored = history.read_epoch(SNAPSHOTS, MarketSnapshot, epoch.pair, epoch.epoch_at)
    snapshot = stored or snapshots.read_snapshot(epoch)
    return SnapshotResult(
        value=snapshot, metadata=snapshot_metadata(snapshot), check_results=[one_block_per_chain(snapshot)]
    )


def _day_snapshots(
    context: dg.AssetExecutionContext, day: date, snapshots: Snapshots, history: History
) -> SnapshotResult:
    found = backfill_snapshots(_pair(context), day, snapshots, history, datetime.now(UTC))
    return SnapshotResult(
        value=found.last, metadata=day_snapshots_metadata(found), check_results=[day_blocks_check(found)]
    )


def _pair(context: dg.AssetExecutionContext) -> str:
    return pair_and_day(context.partition_key)[0]
