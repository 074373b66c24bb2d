"""What decisions promised, and what came of them until the next one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alm_core.model.accounts import EpochPnl, added
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.epochs import SECONDS_PER_YEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionResult:
    """One action: what its plan promised, and what really came until the next action or the end, in USD.

    Parameters
    ----------
    promised_gain_usd, promised_cost_usd
        What the plan said, over the horizon that decisions look ahead.
    expected_usd
        What its targets expected to earn in the time that really passed, net of the loss versus rebalancing that they
        expected (:attr:`alm_core.model.decisions.Target.expected_apr`); ``None`` for a plan without targets.
    fees_usd, rewards_usd, lvr_usd
        What came.
    cost_usd
        Swaps, gas and bridges.
    """

    epoch_at: datetime
    until_at: datetime
    kind: DecisionKind
    promised_gain_usd: float
    promised_cost_usd: float
    expected_usd: float | None
    fees_usd: float
    rewards_usd: float
    lvr_usd: float
    cost_usd: float

    @property
    def net_usd(self) -> float:
        """Fees and rewards less costs."""
        return self.fees_usd + self.rewards_usd - self.cost_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Realised over promised, over all decisions; ``None`` where nothing was promised. 1 is a promise kept.

    ``income_ratio`` is fees and rewards less loss versus rebalancing over what targets expected in the time that
    passed, ``cost_ratio`` costs over promised costs.
    """

    decisions: int
    income_ratio: float | None
    cost_ratio: float | None


def decision_results(plans: Iterable[AllocationPlan], pnls: Sequence[EpochPnl]) -> tuple[DecisionResult, ...]:
    """Return what came of every action.

    Parameters
    ----------
    plans
        Of epochs that acted: those whose transactions were sent. HOLDs are passed over.
    pnls
        Intervals without holes, oldest first. An interval that begins at an action's epoch has its costs.
    """
    acted = sorted(
        (plan for plan in plans if plan.decision.kind is not DecisionKind.HOLD), key=lambda plan: plan.epoch_at
    )
    found: list[DecisionResult] = []
    for number, plan in enumerate(acted):
        until = acted[number + 1].epoch_at if number + 1 < len(acted) else None
        own = [one for one in pnls if plan.epoch_at <= one.from_at and (until is None or one.from_at < until)]
        if own:
            found.append(_result(plan, own))
    return tuple(found)


def calibration(results: Sequence[DecisionResult]) -> Calibration:
    """Return how realised figures compare with promised ones."""
    told = [one for one in results if one.expected_usd is not None]
    expected = sum(one.expected_usd or 0.0 for one in told)
    promised_cost = sum(one.promised_cost_usd for one in results)
    income = sum(one.fees_usd + one.rewards_usd - one.lvr_usd for one in told)
    return Calibration(
        decisions=len(results),
        income_ratio=income / expected if expected > 0.0 else None,
        cost_ratio=sum(one.cost_usd for one in results) / promised_cost if promised_cost > 0.0 else None,
    )


def _result(plan: AllocationPlan, own: Sequence[EpochPnl]) -> DecisionResult:
    parts = added(one.parts for one in own)
    gain, cost = plan.decision.promised_usd
    passed = sum(((one.to_at - one.from_at) for one in own), timedelta())
    years = passed.total_seconds() / SECONDS_PER_YEAR
    expected = sum(target.expected_apr * target.capital_usd for target in plan.targets) * years
    return DecisionResult(
        epoch_at=plan.epoch_at,
        until_at=own[-1].to_at,
        kind=plan.decision.kind,
        promised_gain_usd=gain,
        promised_cost_usd=cost,
        expected_usd=expected if plan.targets else None,
        fees_usd=parts.fees_usd,
        rewards_usd=parts.rewards_usd,
        lvr_usd=parts.lvr_usd,
        cost_usd=parts.swap_usd + parts.gas_usd + parts.bridge_usd,
    )
