"""What a chain could do this epoch, each with gain, cost and the gate before it; no gate hides another action."""

from alm_core.portfolio.actions import Case, Transition
from alm_core.portfolio.compounding import compound
from alm_core.portfolio.placing import place, place_and_shift, reallocate
from alm_core.portfolio.shifting import shifts

MORE_FRAC = 0.01
"""Actions that move capital within this of each other move the same."""


def transitions(case: Case) -> list[Transition]:
    """Return everything one chain could do, gated or not, smallest first; what would change nothing is left out."""
    without_swap, shift, widen = shifts(case)
    placed = place(case)
    found = [compound(case), without_swap, shift, widen, placed]
    if not placed.gate and not shift.gate:
        found.append(place_and_shift(case, placed, shift))
    moved = reallocate(case)
    if moved.closes:
        found.append(moved)
    restraint = case.rules.restraint
    return [one.gated(restraint) if restraint else one for one in found if not one.changes_nothing]


def best_of(considered: list[Transition], margin_frac: float, budget_usd: float) -> Transition | None:
    """Return the allowed action that nets most within a budget; one that moves more must beat smaller ones.

    Parameters
    ----------
    considered
        Actions of one chain.
    margin_frac
        By how much an action that moves more capital must be better.
    budget_usd
        Most that it may cost.
    """
    best: Transition | None = None
    for one in sorted(considered, key=lambda one: one.moved_usd):
        if one.gate or one.net_usd <= 0.0 or one.cost.total_usd > budget_usd:
            continue
        margin = margin_frac if best is not None and one.moved_usd > best.moved_usd * (1.0 + MORE_FRAC) else 0.0
        if best is None or one.net_usd > best.net_usd * (1.0 + margin):
            best = one
    return best
