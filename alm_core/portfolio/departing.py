"""Capital that leaves a chain: what has to be closed for it, and what of that is placed again."""

from collections.abc import Sequence

from alm_core.model.decisions import DecisionKind
from alm_core.portfolio.actions import Case, Opening, Transition, priced
from alm_core.portfolio.placing import affordable
from alm_core.portfolio.slots import Held

SEND = "send to other chains"


def depart(case: Case, leaving_usd: float) -> Transition:
    """Return what sending an amount away takes on its own chain, priced without the way itself.

    Parameters
    ----------
    case
        The chain, its targets those of the capital that stays.
    leaving_usd
        Value that goes.

    Notes
    -----
    Idle capital goes first. Then whole positions are closed, first those that do not fit, then those that hold most
    beyond what is wanted in their pools. What lies idle then and stays is placed in the same plan, if that pays.
    """
    closes = _closed_for(case, leaving_usd - case.view.idle.total)
    free = case.view.idle.total + sum(held.usd.total for held in closes)
    stays = max(0.0, 1.0 - leaving_usd / free) if free > 0.0 else 1.0
    opens = _placed_again(case, closes, max(0.0, free - leaving_usd))
    bare, made = (
        priced(case, SEND, DecisionKind.PRA, closes=closes, opens=one, leaves_small_swaps=True, stays_frac=stays)
        for one in ((), opens)
    )
    rules = case.rules
    gain, cost = made.gain_usd - bare.gain_usd, made.cost.total_usd - bare.cost.total_usd
    return bare if rules.cost_gate(gain, cost, rules.config.pra_cost_multiple, "pra_cost") else made


def _placed_again(case: Case, closes: Sequence[Held], left_usd: float) -> tuple[Opening, ...]:
    """Return what is placed of what stays, where that is missing."""
    if not closes and left_usd < case.rules.config.idle_threshold_frac * case.view.nav_usd:
        return ()
    kept = [held for held in case.view.held if held not in closes]
    holds = {pool_id: sum(h.usd.total for h in kept if h.placement.pool_id == pool_id) for pool_id in case.view.slots}
    missing = [(slot, slot.wanted_usd - holds[pool_id]) for pool_id, slot in case.view.slots.items()]
    return affordable(case, missing, left_usd, closes)


def _closed_for(case: Case, needed_usd: float) -> list[Held]:
    closes: list[Held] = []
    wanted = {pool_id: slot.wanted_usd for pool_id, slot in case.view.slots.items()}
    holds = dict.fromkeys(wanted, 0.0)
    for held in case.view.held:
        holds[held.placement.pool_id] += held.usd.total

    def order(held: Held) -> tuple[bool, float, int]:
        pool_id = held.placement.pool_id
        return case.suits(held), wanted[pool_id] - holds[pool_id], held.position.token_id

    for held in sorted(case.view.held, key=order):
        if needed_usd <= _DUST_FRAC * case.view.nav_usd:
            break
        closes.append(held)
        needed_usd -= held.usd.total
    return closes


_DUST_FRAC = 1e-9
