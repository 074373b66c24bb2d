"""Caps per hour and day of live execution, asked of plans in the simulated venue."""

import math
from collections.abc import Sequence

from alm_core.backtest.venue import Done
from alm_core.model.backtest import CarriedPlan
from alm_core.model.config import LimitsConfig
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.epochs import DAY, HOUR
from alm_core.portfolio.plan_limits import beyond_day_caps, placed_usd


def too_much(plan: AllocationPlan, carried: Sequence[CarriedPlan], limits: LimitsConfig) -> str:
    """Return why live execution would not begin a plan after what was carried out before; empty where it would.

    Parameters
    ----------
    plan
        An EXIT passes always.
    carried
        Plans carried out before.
    limits
        Bounds of live execution.
    """
    if plan.decision.kind is DecisionKind.EXIT:
        return ""
    rebalances = sum(one.rebalanced for one in carried if one.epoch_at >= plan.epoch_at - HOUR)
    moved_usd = math.fsum(one.moved_usd for one in carried if one.epoch_at >= plan.epoch_at - DAY)
    return "; ".join(beyond_day_caps(plan, rebalances, moved_usd, limits))


def with_plan(carried: Sequence[CarriedPlan], plan: AllocationPlan, done: Done) -> tuple[CarriedPlan, ...]:
    """Return the plans of the last day with one more, if anything came of it."""
    kept = tuple(one for one in carried if one.epoch_at >= plan.epoch_at - DAY)
    if not done.moved:
        return kept
    one = CarriedPlan(
        epoch_at=plan.epoch_at,
        rebalanced=bool(plan.closes and plan.opens),
        moved_usd=placed_usd(plan) + done.sold_usd,
    )
    return (*kept, one)
