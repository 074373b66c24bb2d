"""Which action each chain takes: the one that nets most among those allowed, within the day's budget."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from alm_core.model.decisions import DecisionKind
from alm_core.model.epochs import DAY, Epoch
from alm_core.model.past import RecentEpoch
from alm_core.portfolio.actions import Transition, case_of
from alm_core.portfolio.chainview import ChainView
from alm_core.portfolio.rules import Rules
from alm_core.portfolio.transitions import best_of, transitions

LOWER_NET = "lower_net"
"""Gate of what may be done and brings less than what is done."""
RANKED_KINDS = (DecisionKind.PRA, DecisionKind.WIDEN, DecisionKind.RS, DecisionKind.COMPOUND)
"""Kinds by what they move; an epoch is called by the first that any chain takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The action taken on one chain, if any, among those considered; each other one has its gate.

    ``income_usd`` is what the positions earn per year as they stand.
    """

    view: ChainView
    considered: tuple[Transition, ...]
    taken: Transition | None
    income_usd: float


def choose(views: Sequence[ChainView], rules: Rules, budget_usd: float) -> tuple[Choice, ...]:
    """Return the choice on every chain.

    Parameters
    ----------
    views
        Chains.
    rules
        Of the epoch.
    budget_usd
        What all actions together may still cost today; chains whose best action nets more come first.
    """
    cases = [case_of(view, rules) for view in views]
    considered = [transitions(case) for case in cases]
    margin = rules.config.pra_threshold
    nets = [_net(best_of(found, margin, math.inf)) for found in considered]
    found: dict[int, Choice] = {}
    for row in sorted(range(len(cases)), key=lambda row: -nets[row]):
        taken = best_of(considered[row], margin, budget_usd)
        gated = tuple(one if one is taken else one.gated(_gate(one, budget_usd)) for one in considered[row])
        found[row] = Choice(view=cases[row].view, considered=gated, taken=taken, income_usd=cases[row].income_usd)
        budget_usd -= taken.cost.total_usd if taken is not None else 0.0
    return tuple(found[row] for row in range(len(cases)))


def kind_of(choices: Sequence[Choice]) -> DecisionKind:
    """Return the kind of an epoch from what its chains do."""
    kinds = {choice.taken.kind for choice in choices if choice.taken is not None}
    return next((kind for kind in RANKED_KINDS if kind in kinds), DecisionKind.HOLD)


def budget_left_usd(epoch: Epoch, recent: Sequence[RecentEpoch], nav_usd: float, day_budget_frac: float) -> float:
    """Return what discretionary actions may still cost: the budget of 24 h less what they were expected to cost.

    Epochs whose execution nobody knows the outcome of count; exits do not.
    """
    spent = sum(
        one.expected_cost_usd
        for one in recent
        if one.moved and one.kind is not DecisionKind.EXIT and epoch.epoch_at - one.epoch_at < DAY
    )
    return day_budget_frac * nav_usd - spent


def _gate(one: Transition, budget_usd: float) -> str:
    if one.gate:
        return one.gate
    return "day_budget" if one.cost.total_usd > budget_usd and one.net_usd > 0.0 else LOWER_NET


def _net(one: Transition | None) -> float:
    return one.net_usd if one is not None else 0.0
