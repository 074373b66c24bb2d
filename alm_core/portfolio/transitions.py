"""What a chain could do this epoch, each with gain, cost and the gate before it; no gate hides another action."""

from collections.abc import Sequence

from alm_core.portfolio.actions import Case, Transition
from alm_core.portfolio.compounding import compound
from alm_core.portfolio.placing import place, place_and_shift, reallocate
from alm_core.portfolio.shifting import shifts

MORE_FRAC = 0.01
"""Actions that move capital within this of each other move the same."""


def transitions(case: Case) -> list[Transition]:
    """Return everything one chain could do, gated or not; what would change nothing is left out."""
    placings, shiftings = place(case), shifts(case)
    found = [*compound(case), *shiftings, *placings]
    placed, shifted = _allowed(placings), _allowed([one for one in shiftings if one.name == "shift ranges"])
    if placed is not None and shifted is not None:
        found.append(place_and_shift(case, placed, shifted))
    found += reallocate(case)
    restraint = case.rules.restraint
    return [one.gated(restraint) if restraint else one for one in found if not one.changes_nothing]


def best_of(considered: Sequence[Transition], margin_frac: float, budget_usd: float) -> Transition | None:
    """Return the allowed action that nets most within a budget; one that moves more must beat smaller ones.

    Parameters
    ----------
    considered
        Actions of one chain. Parts of another are left out where that one may be done.
    margin_frac
        By how much an action that moves more capital must be better.
    budget_usd
        Most that it may cost.
    """
    allowed = [one for one in considered if not one.gate and one.net_usd > 0.0 and one.cost.total_usd <= budget_usd]
    whole = {one.name for one in allowed}
    best: Transition | None = None
    for one in sorted(allowed, key=lambda one: one.moved_usd):
        if one.part_of in whole:
            continue
        margin = margin_frac if best is not None and one.moved_usd > best.moved_usd * (1.0 + MORE_FRAC) else 0.0
        if best is None or one.net_usd > best.net_usd * (1.0 + margin):
            best = one
    return best


def _allowed(actions: Sequence[Transition]) -> Transition | None:
    return next((one for one in actions if not one.gate), None)
