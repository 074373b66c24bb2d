"""What a chain could do this epoch: place idle capital, shift ranges, reallocate; each with gain, cost and gate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from alm_core.model.config import StrategyConfig
from alm_core.model.decisions import DecisionKind
from alm_core.portfolio.chainview import ChainView, Held, Slot
from alm_core.portfolio.costs import NO_COST, Cost, move_cost

OVERWEIGHT_FRAC = 0.25
"""A position may exceed its target by this before it is closed for its size alone."""
MIN_OPEN_FRAC = 0.01
MIN_OPEN_USD = 1.0

Name = Literal["place idle capital", "shift ranges", "place and shift", "reallocate"]
Opening = tuple[Slot, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A possible action on one chain.

    ``gate`` names the rule that forbids it; empty where it may be done. ``gain_usd`` is over the horizon, before costs.
    """

    name: Name
    kind: DecisionKind
    closes: tuple[Held, ...]
    opens: tuple[Opening, ...]
    gain_usd: float
    cost: Cost
    gate: str

    @property
    def net_usd(self) -> float:
        """Gain less costs."""
        return self.gain_usd - self.cost.total_usd


def transitions(view: ChainView, config: StrategyConfig, rs_threshold: float, *, held_long: bool) -> list[Transition]:
    """Return everything one chain could do, gated or not, smallest first; what would change nothing is left out.

    Parameters
    ----------
    view
        The chain.
    config
        Gates.
    rs_threshold
        Divergence from which a range is shifted.
    held_long
        Whether the minimum hold is over. Placing idle capital and shifting a range that the price has left do not
        wait for it.
    """
    place = _place(view, config)
    shift = _shift(view, config, rs_threshold, held_long=held_long)
    found = [shift, place]
    if not place.gate and not shift.gate:
        found.append(_both(view, place, shift))
    reallocate = _reallocate(view, config, rs_threshold, held_long=held_long)
    if reallocate.closes:
        found.append(reallocate)
    return [transition for transition in found if transition.closes or transition.opens]


def _place(view: ChainView, config: StrategyConfig) -> Transition:
    missing = [
        (slot, slot.wanted_usd - sum(held.usd.total for held in view.held if held.placement.pool_id == pool_id))
        for pool_id, slot in view.slots.items()
    ]
    opens = _affordable(view, missing, view.idle.total)
    transition = _priced(view, "place idle capital", DecisionKind.PRA, (), opens)
    if sum(capital for _, capital in opens) < config.idle_threshold_frac * view.nav_usd:
        return _gated(transition, "idle_threshold")
    return _gated(transition, _cost_gate(transition, config.pra_cost_multiple, "pra_cost"))


def _shift(view: ChainView, config: StrategyConfig, rs_threshold: float, *, held_long: bool) -> Transition:
    misfits = [
        held
        for held in view.held
        if not held.fits(rs_threshold) and view.slots[held.placement.pool_id].wanted_usd > 0.0
    ]
    single = [_shift_of(view, (held,)) for held in misfits]
    gates = [
        "min_hold" if held.in_range and not held_long else _cost_gate(one, config.rs_cost_multiple, "rs_cost")
        for held, one in zip(misfits, single, strict=True)
    ]
    passing = tuple(held for held, gate in zip(misfits, gates, strict=True) if not gate)
    if passing:
        return _shift_of(view, passing)
    return _gated(_shift_of(view, tuple(misfits)), gates[0] if gates else "nothing_to_shift")


def _shift_of(view: ChainView, misfits: tuple[Held, ...]) -> Transition:
    capital: dict[str, float] = {}
    for held in misfits:
        capital[held.placement.pool_id] = capital.get(held.placement.pool_id, 0.0) + held.usd.total
    opens = tuple((view.slots[pool_id], usd) for pool_id, usd in capital.items())
    return _priced(view, "shift ranges", DecisionKind.RS, misfits, opens)


def _reallocate(view: ChainView, config: StrategyConfig, rs_threshold: float, *, held_long: bool) -> Transition:
    kept: dict[str, float] = dict.fromkeys(view.slots, 0.0)
    closes: list[Held] = []
    for held in sorted(view.held, key=lambda held: (-held.usd.total, held.position.token_id)):
        pool_id = held.placement.pool_id
        room = view.slots[pool_id].wanted_usd * (1.0 + OVERWEIGHT_FRAC) - kept[pool_id]
        if held.fits(rs_threshold) and held.usd.total <= room:
            kept[pool_id] += held.usd.total
        else:
            closes.append(held)
    missing = [(slot, slot.wanted_usd - kept[pool_id]) for pool_id, slot in view.slots.items()]
    available = view.idle.total + sum(held.usd.total for held in closes)
    transition = _priced(view, "reallocate", DecisionKind.PRA, tuple(closes), _affordable(view, missing, available))
    return _gated(transition, _reallocation_gate(view, transition, config, held_long=held_long))


def _reallocation_gate(view: ChainView, transition: Transition, config: StrategyConfig, *, held_long: bool) -> str:
    if not held_long:
        return "min_hold"
    before = view.income_usd([held.placement for held in view.held])
    gain = transition.gain_usd / view.outlook.horizon_years
    if gain < config.min_apr_gain * view.nav_usd:
        return "min_apr_gain"
    if before > 0.0 and gain <= config.pra_threshold * before:
        return "pra_threshold"
    return _cost_gate(transition, config.pra_cost_multiple, "pra_cost")


def _both(view: ChainView, place: Transition, shift: Transition) -> Transition:
    capital = {slot.state.pool.pool_id: 0.0 for slot, _ in (*place.opens, *shift.opens)}
    for slot, usd in (*place.opens, *shift.opens):
        capital[slot.state.pool.pool_id] += usd
    opens = tuple((view.slots[pool_id], usd) for pool_id, usd in capital.items())
    return _priced(view, "place and shift", DecisionKind.PRA, shift.closes, opens)


def _affordable(view: ChainView, missing: Sequence[Opening], available_usd: float) -> tuple[Opening, ...]:
    least = max(MIN_OPEN_USD, MIN_OPEN_FRAC * view.nav_usd)
    wanted = [(slot, usd) for slot, usd in missing if usd >= least]
    total = sum(usd for _, usd in wanted)
    scale = min(1.0, available_usd / total) if total > 0.0 else 0.0
    return tuple((slot, usd * scale) for slot, usd in wanted if usd * scale >= least)


def _priced(
    view: ChainView, name: Name, kind: DecisionKind, closes: tuple[Held, ...], opens: tuple[Opening, ...]
) -> Transition:
    placements = [slot.placement(usd) for slot, usd in opens]
    kept = [held.placement for held in view.held if held not in closes]
    before = view.income_usd([held.placement for held in view.held])
    gain = (view.income_usd(kept, placements) - before) * view.outlook.horizon_years
    base_needed = sum(place.base_usd(slot.price) for place, (slot, _) in zip(placements, opens, strict=True))
    quote_needed = sum(usd for _, usd in opens) - base_needed
    base = view.idle.base + sum(held.usd.base for held in closes)
    quote = view.idle.quote + sum(held.usd.quote for held in closes)
    cost = NO_COST
    if closes or opens:
        cost = move_cost(
            view.chain,
            view.states,
            view.prices,
            closed=[held.state.pool.family for held in closes],
            opened=[slot.state.pool.family for slot, _ in opens],
            swapped_usd=max(0.0, base_needed - base, quote_needed - quote),
        )
    return Transition(name=name, kind=kind, closes=closes, opens=opens, gain_usd=gain, cost=cost, gate="")


def _cost_gate(transition: Transition, multiple: float, name: str) -> str:
    return "" if transition.gain_usd > multiple * transition.cost.total_usd else name


def _gated(transition: Transition, gate: str) -> Transition:
    return Transition(
        name=transition.name,
        kind=transition.kind,
        closes=transition.closes,
        opens=transition.opens,
        gain_usd=transition.gain_usd,
        cost=transition.cost,
        gate=gate,
    )
