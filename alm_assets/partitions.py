"""Partitions: one per pair and UTC day; the up to 96 epochs of a day share it. The key is ``2026-11-22|WETH-USDC``."""

import warnings
from collections.abc import Iterable

import dagster as dg

from alm_core.model.epochs import Epoch
from alm_core.model.inputs import LOOK_BACK

FIRST_DAY = "2022-07-01"
LOOK_BACK_DAYS = LOOK_BACK.days

pairs = dg.DynamicPartitionsDefinition(name="pair")
# Without end_offset=1 today's partition would not exist before midnight.
days = dg.DailyPartitionsDefinition(start_date=FIRST_DAY, end_offset=1)
pair_days = dg.MultiPartitionsDefinition({"pair": pairs, "day": days})


def partition_key(epoch: Epoch) -> dg.MultiPartitionKey:
    """Return the partition that holds an epoch."""
    return dg.MultiPartitionKey({"pair": epoch.pair, "day": epoch.day})


def pair_and_day(key: str) -> tuple[str, str]:
    """Split a partition key into pair and day.

    Examples
    --------
    >>> pair_and_day("2026-11-22|WETH-USDC")
    ('WETH-USDC', '2026-11-22')
    """
    day, _, pair = key.partition("|")
    return pair, day


def register_pairs(instance: dg.DagsterInstance, pair_ids: Iterable[str]) -> None:
    """Make partitions of pairs known to an instance; pairs it knows already stay as they are."""
    known = set(instance.get_dynamic_partitions("pair"))
    fresh = [pair for pair in pair_ids if pair not in known]
    if fresh:
        instance.add_dynamic_partitions("pair", fresh)


def _days(start_offset: int, end_offset: int) -> dg.MultiPartitionMapping:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*MultiPartitionMapping", category=dg.BetaWarning)
        warnings.filterwarnings("ignore", message=".*DimensionPartitionMapping", category=dg.BetaWarning)
        warnings.filterwarnings("ignore", message=".*allow_nonexistent_upstream_part", category=dg.BetaWarning)
        window = dg.TimeWindowPartitionMapping(
            start_offset=start_offset, end_offset=end_offset, allow_nonexistent_upstream_partitions=True
        )
        return dg.MultiPartitionMapping(
            {
                "pair": dg.DimensionPartitionMapping("pair", dg.IdentityPartitionMapping()),
                "day": dg.DimensionPartitionMapping("day", window),
            }
        )


look_back = _days(-LOOK_BACK_DAYS, 0)
"""Candles of a day and of the days before it that forces and ranges look back on."""
day_before = _days(-1, -1)
"""The same pair on the day before."""
