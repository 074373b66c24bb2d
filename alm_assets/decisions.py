"""Forces, range and plan of an epoch from its recorded inputs: the one path of the assets and of a replay."""

from alm_assets.provenance import DecisionInputs
from alm_core.model.decisions import AllocationPlan
from alm_core.model.signals import ForceSignals, OptimizedRange


def signals_from(inputs: DecisionInputs) -> ForceSignals:
    """Return the forces."""
    from alm_core.forces.signals import compute_force_signals

    return compute_force_signals(inputs.epoch, inputs.candles)


def range_from(inputs: DecisionInputs, signals: ForceSignals) -> OptimizedRange:
    """Return the parameters in force from the epoch on, and the range they give."""
    from alm_core.ranges.optimizer import optimize_range

    return optimize_range(
        inputs.epoch,
        inputs.candles,
        signals,
        inputs.snapshot,
        inputs.previous_range,
        inputs.record.strategy,
        past_snapshots=inputs.past_snapshots,
    )


def plan_from(inputs: DecisionInputs, signals: ForceSignals, optimized: OptimizedRange) -> AllocationPlan:
    """Return the plan. It carries the versions that first decided the epoch, so that deciding again gives that plan."""
    from alm_core.model.past import PastEpochs
    from alm_core.portfolio.decision import plan_allocation

    record = inputs.record
    return plan_allocation(
        inputs.epoch,
        signals,
        optimized,
        inputs.snapshot,
        PastEpochs(snapshots=inputs.past_snapshots, last_rebalance_at=record.last_rebalance_at, recent=record.recent),
        record.strategy,
        record.limits,
        record.code_version,
        record.config_version,
    )
