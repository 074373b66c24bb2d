"""Fees that were earned go back into the positions that earned them, with idle capital that is missing there."""

from collections.abc import Sequence
from dataclasses import replace

from alm_core.model.decisions import DecisionKind
from alm_core.portfolio.actions import Case, Transition, fees_usd, opening_onto, priced
from alm_core.portfolio.slots import Held

Earned = tuple[Held, float]


def compound(case: Case) -> list[Transition]:
    """Return collecting the fees of positions that fit and adding them, with idle capital, at the same ticks.

    Idle capital goes along as far as its pool is short of its target; it does not pay for the action: the gate asks
    what the fees alone bring. Positions whose own fees do not pay are left out; where none does, all are shown. Without
    any fees there is nothing.
    """
    earned = [
        (held, fees)
        for held in case.view.held
        if held.fits(case.rules.rs_threshold)
        and case.slot_of(held).wanted_usd > 0.0
        and (fees := fees_usd(case.view, held)) > 0.0
    ]
    single = [_of(case, [one]) for one in earned]
    if len(single) <= 1:
        return single
    passing = [one for one, alone in zip(earned, single, strict=True) if not alone.gate]
    joint = _of(case, passing or earned)
    if passing and joint.gate:
        return [max((alone for alone in single if not alone.gate), key=lambda alone: alone.net_usd)]
    return [joint]


def _of(case: Case, earned: Sequence[Earned]) -> Transition:
    idle = _idle_shares(case, [held for held, _ in earned])
    opens = [opening_onto(case.slot_of(held), held, fees + add) for (held, fees), add in zip(earned, idle, strict=True)]
    collects = [held for held, _ in earned]
    made = priced(case, "compound", DecisionKind.COMPOUND, opens=opens, collects=collects, leaves_small_swaps=True)
    rules = case.rules
    from_fees = made.gain_usd * sum(fees for _, fees in earned) / sum(one.usd for one in opens)
    gate = rules.cost_gate(from_fees, made.cost.total_usd, rules.config.compound_cost_multiple, "compound_cost")
    return replace(made, gate=gate, remark=f"fees alone gain {from_fees:.2f}")


def _idle_shares(case: Case, positions: Sequence[Held]) -> list[float]:
    """Divide idle capital over pools that are short of their targets, and within a pool by what positions hold."""
    view = case.view
    sharing = _by_pool(positions)
    holds = _by_pool(view.held)
    short = {pool_id: max(0.0, view.slots[pool_id].wanted_usd - holds[pool_id]) for pool_id in sharing}
    total = sum(short.values())
    scale = min(1.0, view.idle.total / total) if total > 0.0 else 0.0
    pools = [held.placement.pool_id for held in positions]
    return [
        scale * short[pool_id] * held.usd.total / sharing[pool_id]
        for held, pool_id in zip(positions, pools, strict=True)
    ]


def _by_pool(positions: Sequence[Held]) -> dict[str, float]:
    usd: dict[str, float] = {}
    for held in positions:
        usd[held.placement.pool_id] = usd.get(held.placement.pool_id, 0.0) + held.usd.total
    return usd
