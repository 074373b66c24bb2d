"""Assets that decide: pure functions of what was read. The same inputs give the same bytes.

Belongs here: wiring of forces, ranges and plan. Does not: formulas (``alm_core``).
"""

from collections.abc import Iterator

import dagster as dg

from alm_assets.checks import PLAN_WITHIN_LIMITS, check_specs, plan_within_limits
from alm_assets.epochs import epoch_of
from alm_assets.partitions import look_back, pair_days
from alm_assets.past import past_epochs, previous_range
from alm_assets.plans import plan_metadata
from alm_assets.ports import History
from alm_assets.tables import range_metadata, signal_metadata
from alm_assets.versions import code_version, config_version
from alm_core.model.candles import CandleSeries
from alm_core.model.decisions import AllocationPlan
from alm_core.model.market import MarketSnapshot
from alm_core.model.signals import ForceSignals, OptimizedRange
from alm_resources.settings import Settings


@dg.asset(
    partitions_def=pair_days,
    ins={"candles": dg.AssetIn(partition_mapping=look_back)},
    group_name="strategy",
    owners=["team:strategy"],
    kinds={"numpy", "parquet"},
    tags={"effects": "none", "pure": "yes"},
    code_version="1",
)
def force_signals(
    context: dg.AssetExecutionContext, candles: CandleSeries, history: dg.ResourceParam[History]
) -> dg.MaterializeResult[ForceSignals]:
    """Volatility, momentum and trend on M15, H1 and H4 and their composite, each 0 to 100."""
    from alm_core.forces.signals import compute_force_signals

    signals = compute_force_signals(epoch_of(context, history), candles)
    return dg.MaterializeResult(value=signals, metadata=signal_metadata(signals))


@dg.asset(
    partitions_def=pair_days,
    ins={"candles": dg.AssetIn(partition_mapping=look_back)},
    group_name="strategy",
    owners=["team:strategy"],
    kinds={"scipy", "parquet"},
    tags={"effects": "none", "pure": "yes"},
    code_version="1",
)
def optimized_ranges(
    context: dg.AssetExecutionContext,
    candles: CandleSeries,
    force_signals: ForceSignals,
    pool_snapshots: MarketSnapshot,
    history: dg.ResourceParam[History],
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult[OptimizedRange]:
    """Range parameters in force from this epoch on and the range they give, quote per base."""
    from alm_core.ranges.optimizer import optimize_range

    epoch = epoch_of(context, history)
    previous, past = previous_range(epoch, history), past_epochs(epoch, history, settings.strategy)
    optimized = optimize_range(
        epoch, candles, force_signals, pool_snapshots, previous, settings.strategy, past_snapshots=past.snapshots
    )
    return dg.MaterializeResult(value=optimized, metadata=range_metadata(optimized))


@dg.asset(
    partitions_def=pair_days,
    ins={"candles": dg.AssetIn(partition_mapping=look_back)},
    group_name="strategy",
    owners=["team:strategy"],
    kinds={"python", "parquet"},
    tags={"effects": "none", "pure": "yes"},
    code_version="1",
    check_specs=check_specs(
        PLAN_WITHIN_LIMITS, "allocations", "The plan breaks none of the limits of the choke point."
    ),
)
def allocations(
    context: dg.AssetExecutionContext,
    candles: CandleSeries,
    force_signals: ForceSignals,
    optimized_ranges: OptimizedRange,
    pool_snapshots: MarketSnapshot,
    history: dg.ResourceParam[History],
    settings: dg.ResourceParam[Settings],
) -> Iterator[dg.MaterializeResult[AllocationPlan]]:
    """Capital per pool in USD, the decision (HOLD, RS, PRA) with its alternatives, and what to close and open."""
    from alm_core.portfolio.decision import plan_allocation

    epoch, strategy, limits = epoch_of(context, history), settings.strategy, settings.limits
    past, versions = past_epochs(epoch, history, strategy), (code_version(), config_version(settings))
    plan = plan_allocation(epoch, force_signals, optimized_ranges, pool_snapshots, past, strategy, limits, *versions)
    yield dg.MaterializeResult(
        value=plan,
        metadata=plan_metadata(plan, pool_snapshots, optimized_ranges, candles),
        check_results=[plan_within_limits(plan, pool_snapshots, limits)],
    )
