"""Assets that decide: pure functions of what was read. The same inputs give the same bytes.

Belongs here: wiring of forces, ranges and plan. Does not: formulas (``alm_core``).

What was read comes from the epoch's record (:mod:`alm_assets.provenance`), not from the inputs Dagster would load: a
later backfill, other settings or a late report must not change an epoch that is computed again.
"""

from collections.abc import Iterator

import dagster as dg

from alm_assets.checks import PLAN_WITHIN_LIMITS, check_specs, plan_within_limits
from alm_assets.decisions import plan_from, range_from, signals_from
from alm_assets.epochs import epoch_of
from alm_assets.partitions import look_back, pair_days
from alm_assets.plans import plan_metadata
from alm_assets.ports import History
from alm_assets.provenance import inputs_of
from alm_assets.tables import INPUTS_SHA256, range_metadata, signal_metadata
from alm_core.model.decisions import AllocationPlan
from alm_core.model.signals import ForceSignals, OptimizedRange
from alm_core.portfolio.doubts import with_doubted
from alm_core.portfolio.eligibility import with_ineligible
from alm_resources.settings import Settings

READ = (dg.AssetDep("candles", partition_mapping=look_back), dg.AssetDep("pool_snapshots"))


@dg.asset(
    partitions_def=pair_days,
    deps=READ,
    group_name="strategy",
    owners=["team:strategy"],
    kinds={"numpy", "parquet"},
    tags={"effects": "none", "pure": "yes"},
    code_version="2",
)
def force_signals(
    context: dg.AssetExecutionContext, history: dg.ResourceParam[History], settings: dg.ResourceParam[Settings]
) -> dg.MaterializeResult[ForceSignals]:
    """Volatility, momentum and trend on M15, H1 and H4 and their composite, each 0 to 100."""
    inputs = inputs_of(epoch_of(context, history), history, settings)
    signals = signals_from(inputs)
    return dg.MaterializeResult(value=signals, metadata={**signal_metadata(signals), INPUTS_SHA256: inputs.sha256})


@dg.asset(
    partitions_def=pair_days,
    deps=READ,
    group_name="strategy",
    owners=["team:strategy"],
    kinds={"scipy", "parquet"},
    tags={"effects": "none", "pure": "yes"},
    code_version="3",
)
def optimized_ranges(
    context: dg.AssetExecutionContext,
    force_signals: ForceSignals,
    history: dg.ResourceParam[History],
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult[OptimizedRange]:
    """Range parameters in force from this epoch on and the range they give, quote per base."""
    inputs = inputs_of(epoch_of(context, history), history, settings)
    optimized = range_from(inputs, force_signals)
    metadata = range_metadata(optimized, inputs.previous_range)
    return dg.MaterializeResult(value=optimized, metadata={**metadata, INPUTS_SHA256: inputs.sha256})


@dg.asset(
    partitions_def=pair_days,
    deps=READ,
    group_name="strategy",
    owners=["team:strategy"],
    kinds={"python", "parquet"},
    tags={"effects": "none", "pure": "yes"},
    code_version="4",
    check_specs=check_specs(
        PLAN_WITHIN_LIMITS, "allocations", "The plan breaks none of the limits of the choke point."
    ),
)
def allocations(
    context: dg.AssetExecutionContext,
    force_signals: ForceSignals,
    optimized_ranges: OptimizedRange,
    history: dg.ResourceParam[History],
    settings: dg.ResourceParam[Settings],
) -> Iterator[dg.MaterializeResult[AllocationPlan]]:
    """Capital per pool in USD, the decision (HOLD, RS, PRA, COMPOUND, WIDEN, EXIT), and what to do for it.

    With what every alternative would bring and cost, and the gate that refused it; for a HOLD, from which fee yield on
    it would act; pools that nothing may enter, and why. What to do: close, collect, open, add to.
    """
    inputs = inputs_of(epoch_of(context, history), history, settings)
    plan = plan_from(inputs, force_signals, optimized_ranges)
    limits = inputs.record.limits
    seen = with_doubted(with_ineligible(inputs.snapshot, limits), force_signals, limits)
    metadata = plan_metadata(plan, seen, optimized_ranges, inputs.candles)
    yield dg.MaterializeResult(
        value=plan,
        metadata={**metadata, INPUTS_SHA256: inputs.sha256},
        check_results=[plan_within_limits(plan, inputs.snapshot, limits)],
    )
