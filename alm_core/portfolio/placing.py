"""Capital over pools: idle capital is placed, and capital moves between pools."""

from collections.abc import Sequence
from dataclasses import replace

from alm_core.model.decisions import DecisionKind
from alm_core.portfolio.actions import Case, Name, Opening, Transition, opening_at_slot, priced
from alm_core.portfolio.shifting import fitting
from alm_core.portfolio.slots import Held, Slot

OVERWEIGHT_FRAC = 0.25
"""A position may exceed its target by this before it is closed for its size alone."""

Missing = tuple[Slot, float]


def place(case: Case) -> list[Transition]:
    """Return placing idle capital where it is missing, and where that is several pools, in the best of them alone.

    It is added to a position that lies exactly where it would be placed, if there is one.
    """
    view = case.view
    missing = [
        (slot, slot.wanted_usd - sum(held.usd.total for held in view.held if held.placement.pool_id == pool_id))
        for pool_id, slot in view.slots.items()
    ]
    opens = affordable(case, missing, view.idle.total, ())
    if not opens:
        return []
    whole = _placed(case, "place idle capital", opens)
    if len(opens) < 2:
        return [whole]
    alone = [_placed(case, "place in one pool", (opening,)) for opening in whole.opens]
    return [whole, replace(max(alone, key=lambda one: (not one.gate, one.net_usd)), part_of=whole.name)]


def _placed(case: Case, name: Name, opens: Sequence[Opening]) -> Transition:
    transition = priced(case, name, DecisionKind.PRA, opens=opens, leaves_small_swaps=True)
    if sum(one.usd for one in opens) < case.rules.config.idle_threshold_frac * case.view.nav_usd:
        return transition.gated("idle_threshold")
    return transition.gated(_cost_gate(case, transition))


def place_and_shift(case: Case, placed: Transition, shifted: Transition) -> Transition:
    """Return both at once, with one swap."""
    opens: dict[str, Opening] = {}
    for one in (*placed.opens, *shifted.opens):
        before = opens[one.pool_id].usd if one.pool_id in opens else 0.0
        opens[one.pool_id] = opening_at_slot(one.slot, before + one.usd, fitting(case, one.slot, shifted.closes))
    return priced(case, "place and shift", DecisionKind.PRA, closes=shifted.closes, opens=tuple(opens.values()))


def reallocate(case: Case) -> list[Transition]:
    """Return moving capital between pools; positions that fit and are not far too large stay as they are.

    Nothing where all of them stay.
    """
    view = case.view
    kept: dict[str, float] = dict.fromkeys(view.slots, 0.0)
    closes: list[Held] = []
    for held in sorted(view.held, key=lambda held: (-held.usd.total, held.position.token_id)):
        pool_id = held.placement.pool_id
        room = view.slots[pool_id].wanted_usd * (1.0 + OVERWEIGHT_FRAC) - kept[pool_id]
        if case.suits(held) and held.usd.total <= room:
            kept[pool_id] += held.usd.total
        else:
            closes.append(held)
    if not closes:
        return []
    missing = [(slot, slot.wanted_usd - kept[pool_id]) for pool_id, slot in view.slots.items()]
    available = view.idle.total + sum(held.usd.total for held in closes)
    opens = affordable(case, missing, available, closes)
    transition = priced(case, "reallocate", DecisionKind.PRA, closes=closes, opens=opens)
    return [transition.gated(_reallocation_gate(case, transition))]


def _reallocation_gate(case: Case, transition: Transition) -> str:
    config = case.rules.config
    if not case.rules.held_long:
        return "min_hold"
    gain = transition.gain_usd / case.view.outlook.horizon_years
    if gain < config.min_apr_gain * case.view.nav_usd:
        return "min_apr_gain"
    if case.income_usd > 0.0 and gain <= config.pra_threshold * case.income_usd:
        return "pra_threshold"
    return _cost_gate(case, transition)


def _cost_gate(case: Case, transition: Transition) -> str:
    rules = case.rules
    return rules.cost_gate(transition.gain_usd, transition.cost.total_usd, rules.config.pra_cost_multiple, "pra_cost")


def affordable(
    case: Case, missing: Sequence[Missing], available_usd: float, closes: Sequence[Held]
) -> tuple[Opening, ...]:
    """Return openings of what is missing in pools, all alike smaller where there is not enough."""
    wanted = [(slot, usd) for slot, usd in missing if usd >= case.least_usd]
    total = sum(usd for _, usd in wanted)
    scale = min(1.0, available_usd / total) if total > 0.0 else 0.0
    return tuple(
        opening_at_slot(slot, usd * scale, fitting(case, slot, closes))
        for slot, usd in wanted
        if usd * scale >= case.least_usd
    )
