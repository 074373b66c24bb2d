"""An action on one chain: what it closes, collects and opens, what that gains and costs, and the gate before it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from alm_core.math.orientation import range_bounds_at_ticks
from alm_core.model.decisions import DecisionKind, Move, Target
from alm_core.portfolio.chainview import ChainView
from alm_core.portfolio.costs import NO_COST, Cost, gas_lots, gas_name, move_cost
from alm_core.portfolio.placements import Placement
from alm_core.portfolio.rules import Rules
from alm_core.portfolio.slots import Held, Slot
from alm_core.portfolio.valuation import amounts_usd
from alm_core.ranges.position import base_share

MIN_OPEN_FRAC = 0.01
MIN_OPEN_USD = 1.0

Name = Literal[
    "compound",
    "shift without swap",
    "shift one range",
    "shift ranges",
    "widen ranges",
    "place in one pool",
    "place idle capital",
    "place and shift",
    "reallocate",
    "send to other chains",
    "exit",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Capital that goes into a range of a pool.

    Parameters
    ----------
    slot
        The pool.
    usd
        Capital, valued at the independent price.
    tick_lower, tick_upper
        Where it goes.
    bounds
        The same as prices, quote per base.
    onto
        Position of ours at exactly these ticks that it is added to; ``None`` opens a new one.
    beside
        A range beside the price that takes what is left of one token. It earns nothing until the price gets there.
    """

    slot: Slot
    usd: float
    tick_lower: int
    tick_upper: int
    bounds: tuple[float, float]
    onto: Held | None = None
    beside: bool = False

    @property
    def pool_id(self) -> str:
        """Of its pool."""
        return self.slot.state.pool.pool_id

    @property
    def is_fresh(self) -> bool:
        """Whether it lies where the pool's range would be placed now."""
        return (self.tick_lower, self.tick_upper) == (self.slot.tick_lower, self.slot.tick_upper)

    def placement(self) -> Placement:
        """Its capital in its range."""
        return Placement(pool_id=self.pool_id, lower=self.bounds[0], upper=self.bounds[1], capital_usd=self.usd)

    @property
    def gas_lots(self) -> tuple[str, ...]:
        """Family of the pool, as often as opening this costs what was measured for it."""
        return gas_lots(self.slot.state.pool, self.tick_lower, self.tick_upper)


def opening_at_slot(slot: Slot, usd: float, onto: Held | None = None) -> Opening:
    """Return capital at the range that would be placed in a pool now."""
    return Opening(
        slot=slot, usd=usd, tick_lower=slot.tick_lower, tick_upper=slot.tick_upper, bounds=slot.bounds, onto=onto
    )


def opening_onto(slot: Slot, held: Held, usd: float) -> Opening:
    """Return capital that is added to a position at its own range."""
    ticks = held.position.tick_lower, held.position.tick_upper
    bounds = range_bounds_at_ticks(slot.state.pool, *ticks)
    return Opening(slot=slot, usd=usd, tick_lower=ticks[0], tick_upper=ticks[1], bounds=bounds, onto=held)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A possible action on one chain.

    Parameters
    ----------
    gain_usd
        Over the horizon, before costs.
    gate
        The rule that forbids it; empty where it may be done.
    collects
        Positions that stay and whose fees are collected.
    part_of
        The larger action that this is a part of, done only where the larger one may not be.
    remark
        What a reader must know to follow its gate.
    moves
        Capital that goes to other chains.
    """

    name: Name
    kind: DecisionKind
    closes: tuple[Held, ...]
    opens: tuple[Opening, ...]
    gain_usd: float
    cost: Cost
    gate: str
    collects: tuple[Held, ...] = ()
    part_of: Name | None = None
    remark: str = ""
    moves: tuple[Move, ...] = ()

    @property
    def net_usd(self) -> float:
        """Gain less costs."""
        return self.gain_usd - self.cost.total_usd

    @property
    def moved_usd(self) -> float:
        """Capital that is closed, or opened and sent, whichever is more."""
        placed = sum(opening.usd for opening in self.opens) + sum(move.capital_usd for move in self.moves)
        return max(sum(held.usd.total for held in self.closes), placed)

    @property
    def changes_nothing(self) -> bool:
        """True where there is nothing to carry out."""
        return not (self.closes or self.opens or self.collects or self.moves)

    def gated(self, gate: str) -> "Transition":
        """Return the same with a gate before it."""
        return self if gate == self.gate else replace(self, gate=gate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One chain with the rules it is judged by, and what its positions earn as they stand.

    Parameters
    ----------
    standing
        Placements of the positions, in the order of ``view.held``. Fees that were not collected earn nothing: they are
        not part of the capital in them.
    income_usd
        What they are expected to earn per year, net.
    """

    view: ChainView
    rules: Rules
    standing: tuple[Placement, ...]
    income_usd: float

    @property
    def least_usd(self) -> float:
        """Less than this is not placed."""
        return max(MIN_OPEN_USD, MIN_OPEN_FRAC * self.view.nav_usd)

    def slot_of(self, held: Held) -> Slot:
        """Return the slot of a position's pool."""
        return self.view.slots[held.placement.pool_id]

    def suits(self, held: Held) -> bool:
        """Whether a position may stay: it fits, or lies where it would be placed again."""
        slot, position = self.slot_of(held), held.position
        same = (slot.tick_lower, slot.tick_upper) == (position.tick_lower, position.tick_upper)
        return same or held.fits(self.rules.rs_threshold)


def case_of(view: ChainView, rules: Rules) -> Case:
    """Return a chain as it is judged."""
    standing = tuple(replace(held.placement, capital_usd=principal_usd(view, held)) for held in view.held)
    return Case(view=view, rules=rules, standing=standing, income_usd=view.income_usd(standing))


def principal_usd(view: ChainView, held: Held) -> float:
    """Return the value of a position without the fees it was not yet paid."""
    position = held.position
    return amounts_usd(held.state.pool, position.amount0, position.amount1, view.prices).total


def fees_usd(view: ChainView, held: Held) -> float:
    """Return the value of the fees a position was not yet paid."""
    return amounts_usd(held.state.pool, held.position.fees0, held.position.fees1, view.prices).total


def priced(
    case: Case,
    name: Name,
    kind: DecisionKind,
    *,
    closes: Sequence[Held] = (),
    opens: Sequence[Opening] = (),
    collects: Sequence[Held] = (),
    leaves_small_swaps: bool = False,
    stays_frac: float = 1.0,
) -> Transition:
    """Return an action with its gain over the horizon and its cost, not yet gated.

    Parameters
    ----------
    case
        The chain.
    name, kind
        What it is called.
    closes, opens, collects
        What it does.
    leaves_small_swaps
        Whether a swap too small for the execution to make is not charged. A shift always pays for its swap, here and
        in the simulation.
    stays_frac
        Part of idle and closed capital that does not go to other chains before the swap.
    """
    view = case.view
    gain, cost = 0.0, NO_COST
    if closes or opens or collects:
        gain = (_income_after(case, closes, opens) - case.income_usd) * view.outlook.horizon_years
        swapped = _swapped_usd(case, closes, opens, collects, stays_frac)
        if leaves_small_swaps and swapped < case.rules.min_swap_frac * view.nav_usd:
            swapped = 0.0
        cost = move_cost(
            view.chain,
            view.states,
            view.prices,
            closed=[lot for held in closes for lot in held.gas_lots],
            opened=[lot for one in opens if one.onto is None for lot in one.gas_lots],
            added=[gas_name(one.slot.state.pool) for one in opens if one.onto is not None],
            collected=[gas_name(held.state.pool) for held in collects],
            swapped_usd=swapped,
            quote=case.rules.quote(view.chain.block.chain_id),
        )
    return Transition(
        name=name,
        kind=kind,
        closes=tuple(closes),
        opens=tuple(opens),
        collects=tuple(collects),
        gain_usd=gain,
        cost=cost,
        gate="",
    )


def target_of(view: ChainView, opening: Opening) -> Target:
    """Return an opening as a target of the plan."""
    at_slot = view.target_of(opening.slot, opening.usd)
    if opening.beside:
        expected = 0.0
    elif opening.is_fresh:
        expected = at_slot.expected_apr
    else:
        expected = opening.slot.income_usd([opening.placement()], (), view.outlook) / opening.usd
    return replace(
        at_slot,
        tick_lower=opening.tick_lower,
        tick_upper=opening.tick_upper,
        expected_apr=expected,
        token_id=opening.onto.position.token_id if opening.onto is not None else None,
    )


def _income_after(case: Case, closes: Sequence[Held], opens: Sequence[Opening]) -> float:
    grown = {id(one.onto): one.usd for one in opens if one.onto is not None and not one.is_fresh}
    kept = [
        replace(placement, capital_usd=placement.capital_usd + grown[id(held)]) if id(held) in grown else placement
        for held, placement in zip(case.view.held, case.standing, strict=True)
        if held not in closes
    ]
    fresh = [one.placement() for one in opens if one.is_fresh and not one.beside]
    return case.view.income_usd(kept, fresh)


def _swapped_usd(
    case: Case, closes: Sequence[Held], opens: Sequence[Opening], collects: Sequence[Held], stays_frac: float
) -> float:
    view = case.view
    base_needed = sum([one.usd * base_share(one.slot.price, *one.bounds) for one in opens])
    quote_needed = sum(one.usd for one in opens) - base_needed
    paid = [amounts_usd(h.state.pool, h.position.fees0, h.position.fees1, view.prices) for h in collects]
    freed = [view.idle, *(held.usd for held in closes), *paid]
    base, quote = (stays_frac * sum(side) for side in zip(*((part.base, part.quote) for part in freed), strict=True))
    return max(0.0, base_needed - base, quote_needed - quote)
