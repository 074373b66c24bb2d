"""Assets that read the market. What an epoch has read is stored; replaying it reads the store, not the market.

Belongs here: wiring of candles and snapshots. Does not: how either is read (``alm_resources``).

An asset with a check in it yields: Dagster takes the annotation of a returned result for the types of all its outputs,
checks included.
"""

from collections.abc import Iterator

import dagster as dg

from alm_assets.checks import MINUTES_COMPLETE, ONE_BLOCK_PER_CHAIN, check_specs, minutes_complete, one_block_per_chain
from alm_assets.epochs import epoch_of
from alm_assets.lookback import complete_look_back
from alm_assets.partitions import pair_days
from alm_assets.ports import History, Snapshots
from alm_assets.retries import READING, retry_unavailable_only
from alm_assets.tables import candle_metadata, snapshot_metadata
from alm_core.model.candles import CandleSeries
from alm_core.model.market import MarketSnapshot
from alm_core.model.ports import CandleFeed


@dg.asset(
    partitions_def=pair_days,
    group_name="market",
    owners=["team:market"],
    kinds={"ccxt", "parquet"},
    tags={"effects": "none", "reads": "exchanges"},
    code_version="1",
    retry_policy=READING,
    check_specs=check_specs(
        MINUTES_COMPLETE, "candles", "No minute missing after filling, none twice, all prices positive."
    ),
)
def candles(
    context: dg.AssetExecutionContext, candle_feed: dg.ResourceParam[CandleFeed], history: dg.ResourceParam[History]
) -> Iterator[dg.MaterializeResult[CandleSeries]]:
    """Minute candles of the pair over its exchanges; prices quote per base, volume in base units, 30 days back."""
    with retry_unavailable_only():
        found = complete_look_back(epoch_of(context, history), candle_feed, history)
    yield dg.MaterializeResult(
        value=found.fresh, metadata=candle_metadata(found), check_results=[minutes_complete(found)]
    )


@dg.asset(
    partitions_def=pair_days,
    group_name="market",
    owners=["team:market"],
    kinds={"evm", "parquet"},
    tags={"effects": "none", "reads": "chains"},
    code_version="1",
    retry_policy=READING,
    check_specs=check_specs(
        ONE_BLOCK_PER_CHAIN, "pool_snapshots", "Pools, fees and holdings of a chain come from one pinned block."
    ),
)
def pool_snapshots(
    context: dg.AssetExecutionContext, snapshots: dg.ResourceParam[Snapshots], history: dg.ResourceParam[History]
) -> Iterator[dg.MaterializeResult[MarketSnapshot]]:
    """State of every pool of the pair and of our wallet, read at one pinned block per chain; raw on-chain integers."""
    with retry_unavailable_only():
        epoch = epoch_of(context, history)
        stored = history.read_epoch("pool_snapshots", MarketSnapshot, epoch.pair, epoch.epoch_at)
        snapshot = stored or snapshots.read_snapshot(epoch)
    yield dg.MaterializeResult(
        value=snapshot, metadata=snapshot_metadata(snapshot), check_results=[one_block_per_chain(snapshot)]
    )
