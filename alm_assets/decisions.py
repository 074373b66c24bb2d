"""Forces, range and plan of an epoch from its recorded inputs: the one path of the assets and of a replay."""

from typing import TYPE_CHECKING

from alm_assets.provenance import DecisionInputs
from alm_core.model.decisions import AllocationPlan
from alm_core.model.signals import ForceSignals, OptimizedRange

if TYPE_CHECKING:
    from alm_core.policies.policy import Policy


def signals_from(inputs: DecisionInputs) -> ForceSignals:
    """Return the forces."""
    return _policy(inputs).force_signals(inputs.epoch, inputs.candles)


def range_from(inputs: DecisionInputs, signals: ForceSignals) -> OptimizedRange:
    """Return the parameters in force from the epoch on, and the range they give."""
    return _policy(inputs).optimized_range(
        inputs.epoch,
        inputs.candles,
        signals,
        inputs.snapshot,
        inputs.past,
        inputs.previous_range,
        inputs.record.strategy,
    )


def plan_from(inputs: DecisionInputs, signals: ForceSignals, optimized: OptimizedRange) -> AllocationPlan:
    """Return the plan. It carries the versions that first decided the epoch, so that deciding again gives that plan."""
    record = inputs.record
    return _policy(inputs).allocation(
        inputs.epoch,
        signals,
        optimized,
        inputs.snapshot,
        inputs.past,
        record.strategy,
        record.limits,
        record.code_version,
        record.config_version,
    )


def _policy(inputs: DecisionInputs) -> "Policy":
    """The policy that the record names."""
    # numba and scipy come with it: a code location that only lists its assets does without.
    from alm_core.policies import policy_named

    return policy_named(inputs.record.strategy.policy)
