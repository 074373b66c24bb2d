"""Ranges that no longer suit are shifted: with a swap, without one, or to a wider range if the regime asks for it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from alm_core.math.orientation import range_bounds_at_ticks, usable_tick_at_or_above, usable_tick_at_or_below
from alm_core.model.decisions import DecisionKind
from alm_core.portfolio.actions import Case, Name, Opening, Transition, opening_at_slot, priced
from alm_core.portfolio.chainview import ChainView
from alm_core.portfolio.slots import Held, Slot
from alm_core.ranges.position import base_share

Make = Callable[[Sequence[Held]], Transition]


def shifts(case: Case) -> list[Transition]:
    """Return the shifts a chain could make, gated or not: without swap, with it, and to wider ranges.

    Of each kind the positions whose own shift passes its gates are shifted together, where together they pass as well;
    the best of them alone is there beside. Where none passes, all of the kind are shown with the gate of the first.
    """
    misfits = [held for held in case.view.held if not case.suits(held)]
    narrow = [held for held in misfits if case.rules.widening and is_too_narrow(case, held)]
    others = [held for held in misfits if held not in narrow]

    def without_swap(positions: Sequence[Held]) -> Transition:
        opens = _opens_without_swap(case, positions)
        return priced(case, "shift without swap", DecisionKind.RS, closes=positions if opens else (), opens=opens)

    def with_swap(positions: Sequence[Held]) -> Transition:
        return _at_slots(case, "shift ranges", DecisionKind.RS, positions)

    def wider(positions: Sequence[Held]) -> Transition:
        return _at_slots(case, "widen ranges", DecisionKind.WIDEN, positions)

    shifted = _together(case, others, with_swap, waits=True)
    return [
        *_together(case, others, without_swap, waits=True),
        *shifted,
        *_together(case, narrow, wider, waits=False),
        *(_best_alone(case, shift) for shift in shifted if len(shift.closes) > 1 and not shift.gate),
    ]


def _best_alone(case: Case, shift: Transition) -> Transition:
    """Return the best shift of one range where several are shifted together."""
    alone = [_at_slots(case, "shift one range", DecisionKind.RS, (held,)) for held in shift.closes]
    return replace(max(alone, key=lambda one: one.net_usd), part_of=shift.name)


def is_too_narrow(case: Case, held: Held) -> bool:
    """Whether the range wanted now is wider than a position's by more than the shift threshold."""
    lower, upper = case.slot_of(held).bounds
    width = held.placement.upper - held.placement.lower
    return (upper - lower) - width > case.rules.rs_threshold * width


def _together(case: Case, positions: Sequence[Held], make: Make, *, waits: bool) -> list[Transition]:
    """Return the shift of all positions whose own shift passes; of the best alone where together they would not.

    Nothing where there is nothing to shift.
    """
    single = [(held, shift) for held in positions if not (shift := make((held,))).changes_nothing]
    gated = [(held, shift.gated(_gate(case, held, shift, waits=waits))) for held, shift in single]
    if len(gated) <= 1:
        return [shift for _, shift in gated]
    passing = [(held, shift) for held, shift in gated if not shift.gate]
    if not passing:
        return [make([held for held, _ in gated]).gated(gated[0][1].gate)]
    joint = make([held for held, _ in passing])
    if not _cost_gate(case, joint):
        return [joint]
    return [max((shift for _, shift in passing), key=lambda one: one.net_usd)]


def _gate(case: Case, held: Held, shift: Transition, *, waits: bool) -> str:
    if case.slot_of(held).wanted_usd <= 0.0 and _is_wanted_elsewhere(case, held):
        return "no_target"
    if waits and held.in_range and not case.rules.held_long:
        return "min_hold"
    return _cost_gate(case, shift)


def _is_wanted_elsewhere(case: Case, held: Held) -> bool:
    """Whether other pools of the chain are short of capital, so that this position's should move there."""
    others = [pool_id for pool_id in case.view.slots if pool_id != held.placement.pool_id]
    staying = dict.fromkeys(others, 0.0)
    for one in case.view.held:
        if one.placement.pool_id in staying and case.suits(one):
            staying[one.placement.pool_id] += one.usd.total
    return sum(max(0.0, case.view.slots[one].wanted_usd - staying[one]) for one in others) >= case.least_usd


def _cost_gate(case: Case, shift: Transition) -> str:
    rules = case.rules
    return rules.cost_gate(shift.gain_usd, shift.cost.total_usd, rules.config.rs_cost_multiple, "rs_cost")


def _at_slots(case: Case, name: Name, kind: DecisionKind, positions: Sequence[Held]) -> Transition:
    opens = [opening_at_slot(slot, usd, fitting(case, slot, positions)) for slot, usd in _capital(case.view, positions)]
    return priced(case, name, kind, closes=positions, opens=opens)


def fitting(case: Case, slot: Slot, closes: Sequence[Held]) -> Held | None:
    """Return the largest position that stays and lies exactly where a pool's range would be placed now."""
    same = [
        held
        for held in case.view.held
        if held not in closes
        and held.placement.pool_id == slot.state.pool.pool_id
        and (held.position.tick_lower, held.position.tick_upper) == (slot.tick_lower, slot.tick_upper)
    ]
    return max(same, key=lambda held: (held.usd.total, -held.position.token_id), default=None)


def _capital(view: ChainView, positions: Sequence[Held]) -> list[tuple[Slot, float]]:
    capital: dict[str, float] = {}
    for held in positions:
        capital[held.placement.pool_id] = capital.get(held.placement.pool_id, 0.0) + held.usd.total
    return [(view.slots[pool_id], usd) for pool_id, usd in capital.items()]


def _opens_without_swap(case: Case, positions: Sequence[Held]) -> tuple[Opening, ...]:
    r"""Return main ranges as large as the scarcer token allows, and ranges beside the price for the rest.

    Notes
    -----
    Slots :math:`i` that take capital :math:`T_i` need the part :math:`\beta_i` of it in base. With base :math:`B` and
    quote :math:`Q` freed and idle, each main range gets :math:`f T_i`,
    :math:`f = \min(1, B / \sum \beta_i T_i, Q / \sum (1 - \beta_i) T_i)`, and :math:`(1 - f) T_i` of the other token
    goes beside the price. Empty where :math:`f` is 0, or 1: then an ordinary shift needs no swap either.
    """
    view = case.view
    wanted = _capital(view, positions)
    freed = [view.idle, *(held.usd for held in positions)]
    base, quote = sum(part.base for part in freed), sum(part.quote for part in freed)
    price = view.prices.base_usd / view.prices.quote_usd
    base_needed = sum(_base_part(slot, price) * usd for slot, usd in wanted)
    quote_needed = sum(usd for _, usd in wanted) - base_needed
    scale = min(_filled(base, base_needed), _filled(quote, quote_needed), 1.0)
    if not 0.0 < scale < 1.0 or scale * sum(usd for _, usd in wanted) < case.least_usd:
        return ()
    base_left = base * quote_needed > quote * base_needed
    mains = [opening_at_slot(slot, usd * scale, fitting(case, slot, positions)) for slot, usd in wanted]
    rests = [_beside(slot, usd * (1.0 - scale), base_left=base_left) for slot, usd in wanted]
    return _weighted([*mains, *(rest for rest in rests if rest.usd >= case.least_usd)], price)


def _filled(owned: float, needed: float) -> float:
    return owned / needed if needed > 0.0 else 1.0


def _weighted(opens: Sequence[Opening], price: float) -> tuple[Opening, ...]:
    """Divide the capital by what each range holds at its own pool's price.

    That is how the execution weighs ranges: only so does its net swap come out as nothing where a pool's price is not
    quite the independent one.
    """
    weights = [one.usd / _worth(one.slot, one.bounds, price) for one in opens]
    scale = sum(one.usd for one in opens) / sum(weights)
    return tuple(replace(one, usd=weight * scale) for one, weight in zip(opens, weights, strict=True))


def _worth(slot: Slot, bounds: tuple[float, float], price: float) -> float:
    """Return what a range is worth at an independent price, relative to its worth at the pool's own price."""
    base = base_share(slot.price, *bounds)
    return base * price / slot.price + (1.0 - base)


def _base_part(slot: Slot, price: float) -> float:
    """Return the share of base in a slot's range, valued at an independent price."""
    base = base_share(slot.price, *slot.bounds) * price / slot.price
    return base / _worth(slot, slot.bounds, price)


def _beside(slot: Slot, usd: float, *, base_left: bool) -> Opening:
    """Return one token's capital in the range between the price and the main range's bound on that token's side."""
    pool, tick = slot.state.pool, slot.state.tick
    room = max(1, pool.tick_spacing // 2)
    if base_left == pool.base_is_token0:
        lower = usable_tick_at_or_above(pool, tick + room)
        upper = max(slot.tick_upper, usable_tick_at_or_above(pool, lower + 1))
    else:
        upper = usable_tick_at_or_below(pool, tick - room)
        lower = min(slot.tick_lower, usable_tick_at_or_below(pool, upper - 1))
    bounds = range_bounds_at_ticks(pool, lower, upper)
    return Opening(slot=slot, usd=usd, tick_lower=lower, tick_upper=upper, bounds=bounds, beside=True)
