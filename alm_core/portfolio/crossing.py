"""Capital that crosses from one chain to another: what it gains, what it costs, and the gate before it.

A candidate is judged by the very actions it leads to: what leaving takes on its own chain, and what would be placed on
the other if the amount were there. What neither would do without it is its gain, after what both would net without it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from alm_core.model.decisions import Move
from alm_core.model.errors import InvalidInput
from alm_core.model.market import BridgeCost
from alm_core.portfolio.actions import Transition, case_of
from alm_core.portfolio.chainview import ChainView, views_at
from alm_core.portfolio.choices import Choice
from alm_core.portfolio.costs import Cost, bridge_cost
from alm_core.portfolio.departing import depart
from alm_core.portfolio.passage import TRANSFERS_PER_MOVE, Passage
from alm_core.portfolio.rules import Rules
from alm_core.portfolio.survey import ChainSurvey
from alm_core.portfolio.transitions import best_of, transitions
from alm_core.portfolio.valuation import BaseQuoteUsd

STEPS = 8
"""Amounts are tried in so many parts of the most that may cross."""
MOST_PAIRS = 4
"""Pairs of chains that are tried in full, the most promising first."""
GAS_SPARE = 2.0
"""Native coin on the destination must pay for so many times what placing takes there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """One amount from one chain to another, with what it does on its own chain; gain and cost are of both."""

    from_chain: int
    to_chain: int
    usd: float
    view: ChainView
    transition: Transition


def crossings(
    surveys: Sequence[ChainSurvey],
    passage: Passage,
    arriving: Mapping[int, BaseQuoteUsd],
    rules: Rules,
    budget_usd: float,
) -> tuple[Crossing, ...]:
    """Return what should cross now, and where nothing should, what came closest with the gate that refused it.

    Parameters
    ----------
    surveys
        Chains.
    passage
        Ways between them.
    arriving
        Value on its way, by destination: there it counts as if it were there, so that it is not sent twice.
    rules, budget_usd
        Of the epoch.

    Notes
    -----
    The best crossing is taken, and the next sought with it in place, until none passes its gates. A chain sends to one
    other at a time, and does not send in the epoch in which it is sent to.
    """
    now = {one.chain.block.chain_id: one for one in surveys}
    for chain_id, value in arriving.items():
        if chain_id in now:
            now[chain_id] = now[chain_id].with_capital(arriving=value)
    found: list[Crossing] = []
    if not passage.costs or len(now) < 2 or rules.restraint:
        return ()
    while len(found) < len(now):
        taken = [one for one in found if not one.transition.gate]
        best = _best(now, passage, rules, budget_usd, taken)
        if best is None:
            break
        found.append(best)
        if best.transition.gate:
            break
        passage = replace(passage, left_usd=passage.left_usd - best.usd)
        budget_usd -= best.transition.cost.total_usd
        source, share = now[best.from_chain], best.usd
        now[best.to_chain] = now[best.to_chain].with_capital(arriving=_part(source, share))
        now[best.from_chain] = source.with_capital(leaving_usd=share)
    return tuple(found)


def with_crossings(choices: Sequence[Choice], found: Sequence[Crossing]) -> tuple[Choice, ...]:
    """Return the choices of all chains, where capital leaves in place of what would be done there otherwise."""
    by_chain = {one.from_chain: one for one in found}
    made: list[Choice] = []
    for choice in choices:
        crossing = by_chain.get(choice.view.chain.block.chain_id)
        if crossing is None:
            made.append(choice)
        elif crossing.transition.gate:
            made.append(replace(choice, considered=(*choice.considered, crossing.transition)))
        else:
            others = tuple(one.gated(one.gate or "sends_capital") for one in choice.considered)
            considered = (*others, crossing.transition)
            made.append(replace(choice, view=crossing.view, considered=considered, taken=crossing.transition))
    return tuple(made)


def _best(
    now: Mapping[int, ChainSurvey], passage: Passage, rules: Rules, budget_usd: float, taken: Sequence[Crossing]
) -> Crossing | None:
    """Return the allowed crossing that nets most, else the refused one that does."""
    sent, reached = {one.from_chain for one in taken}, {one.to_chain for one in taken}
    base = _views(now)
    nets = {chain_id: _net(_best_on(view, rules)) for chain_id, view in base.items()}
    tried = [
        one
        for way in _promising(now, base, passage, sent, reached)
        for usd in _amounts(now[way[0]], passage, rules)
        if (one := _judged(now, nets, way, usd, passage, rules, budget_usd)) is not None
    ]
    return max(tried, key=lambda one: (not one.transition.gate, one.transition.net_usd, one.usd), default=None)


def _promising(
    now: Mapping[int, ChainSurvey],
    base: Mapping[int, ChainView],
    passage: Passage,
    sent: set[int],
    reached: set[int],
) -> list[tuple[int, int]]:
    """Return ways between chains, best first by what a small amount would gain there and cost here."""
    small = passage.least_usd
    worth = {chain_id: _placed_usd(now, chain_id, small) - _placed_usd(now, chain_id, 0.0) for chain_id in now}
    income = {chain_id: view.income_usd([held.placement for held in view.held]) for chain_id, view in base.items()}
    ways: list[tuple[float, tuple[int, int]]] = []
    for (source, target), cost in sorted(passage.costs.items()):
        if source not in now or target not in now or source in sent | reached or target in sent:
            continue
        view = base[source]
        idle = view.idle.total >= small
        lost = 0.0 if idle or view.nav_usd <= 0.0 else income[source] * small / view.nav_usd
        years = base[target].outlook.horizon_years
        gain = (worth[target] - lost) * years - cost.cost_frac * small
        ways.append((gain, (source, target)))
    ways.sort(key=lambda way: (-way[0], way[1]))
    return [way for _, way in ways[:MOST_PAIRS]]


def _placed_usd(now: Mapping[int, ChainSurvey], chain_id: int, more_usd: float) -> float:
    """Income per year of what would be wanted on a chain with more capital."""
    survey = now[chain_id].with_capital(arriving=BaseQuoteUsd(base=more_usd / 2.0, quote=more_usd / 2.0))
    (view,) = views_at((survey,), survey.ground.config)
    return view.income_usd((), [slot.placement(slot.wanted_usd) for slot in view.slots.values()])


def _amounts(survey: ChainSurvey, passage: Passage, rules: Rules) -> Iterator[float]:
    """Amounts that may leave a chain: parts of the most, and just what is idle."""
    idle = survey.idle.total
    most = min(survey.capital_usd if rules.held_long else min(idle, survey.capital_usd), passage.left_usd)
    parts = {most * step / STEPS for step in range(1, STEPS + 1)} | {min(idle, most)}
    yield from sorted(part for part in parts if part >= passage.least_usd)


def _judged(
    now: Mapping[int, ChainSurvey],
    nets: Mapping[int, float],
    way: tuple[int, int],
    usd: float,
    passage: Passage,
    rules: Rules,
    budget_usd: float,
) -> Crossing | None:
    source, target = way
    after = dict(now)
    after[source] = now[source].with_capital(leaving_usd=usd)
    after[target] = now[target].with_capital(arriving=_part(now[source], usd))
    try:
        views = _views(after)
    except InvalidInput:
        return None  # no optimal allocation of that was found
    leaves = depart(case_of(views[source], rules), usd)
    placed = _best_on(views[target], rules)
    if placed is None or not placed.opens:
        return None  # it would lie idle there as well
    bridging = _cost_of_way(passage.costs[way], usd, placed.gain_usd / views[target].outlook.horizon_years)
    share_frac = min(1.0, usd / now[source].nav_usd)
    without = sum(max(0.0, nets[chain_id]) for chain_id in way)
    made = replace(
        leaves,
        gain_usd=leaves.gain_usd + placed.gain_usd - without,
        cost=leaves.cost + placed.cost + bridging,
        moves=(Move(from_chain=source, to_chain=target, share_frac=share_frac, capital_usd=usd),),
        remark=f"{usd:.2f} USD from chain {source} to chain {target}",
    )
    gate = _gate(made, placed, way, passage, rules, budget_usd)
    return Crossing(from_chain=source, to_chain=target, usd=usd, view=views[source], transition=made.gated(gate))


def _cost_of_way(cost: BridgeCost, usd: float, income_usd: float) -> Cost:
    """What the way itself costs; ``income_usd`` is what the amount would earn per year at its end."""
    return bridge_cost(
        usd,
        fee_usd=TRANSFERS_PER_MOVE * cost.gas_usd,
        fee_frac=cost.cost_frac,
        transit_s=cost.duration_s,
        income_apr=income_usd / usd,
    )


def _gate(
    made: Transition, placed: Transition, way: tuple[int, int], passage: Passage, rules: Rules, budget_usd: float
) -> str:
    source, target = way
    if source in passage.received or (made.closes and not rules.held_long):
        return "min_hold"
    if passage.native_usd.get(target, 0.0) < GAS_SPARE * placed.cost.gas_usd:
        return "destination_gas"
    gate = rules.cost_gate(made.gain_usd, made.cost.total_usd, rules.config.pra_cost_multiple, "bridge_cost")
    return gate or ("day_budget" if made.cost.total_usd > budget_usd else "")


def _best_on(view: ChainView, rules: Rules) -> Transition | None:
    return best_of(transitions(case_of(view, rules)), rules.config.pra_threshold, float("inf"))


def _net(one: Transition | None) -> float:
    return one.net_usd if one is not None else 0.0


def _views(now: Mapping[int, ChainSurvey]) -> dict[int, ChainView]:
    ordered = [now[chain_id] for chain_id in sorted(now)]
    return {view.chain.block.chain_id: view for view in views_at(ordered, ordered[0].ground.config)}


def _part(source: ChainSurvey, usd: float) -> BaseQuoteUsd:
    """Part of a chain's capital, in the proportion of all of it: what a wallet has after its closes."""
    whole = sum((held.usd for held in source.held), source.idle)
    scale = usd / whole.total if whole.total > 0.0 else 0.0
    return BaseQuoteUsd(base=whole.base * scale, quote=whole.quote * scale)
