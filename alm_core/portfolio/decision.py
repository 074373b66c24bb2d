"""The decision of an epoch: HOLD unless an action proves itself after all costs, and EXIT before everything."""

from collections.abc import Callable
from dataclasses import dataclass

from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.decisions import (
    AllocationPlan,
    Counterfactual,
    Decision,
    DecisionKind,
    Move,
    PositionClose,
    Target,
)
from alm_core.model.epochs import Epoch
from alm_core.model.errors import InvalidInput
from alm_core.model.market import MarketSnapshot
from alm_core.model.past import PastEpochs
from alm_core.model.signals import ForceSignals, OptimizedRange, RegimeState
from alm_core.portfolio.actions import target_of
from alm_core.portfolio.alternatives import hold_line, table_of
from alm_core.portfolio.canonical import canonical_hash
from alm_core.portfolio.chainview import ChainView, views_at
from alm_core.portfolio.choices import Choice, budget_left_usd, choose, kind_of
from alm_core.portfolio.counterfactual import best_full_range_apr, fee_counterfactual
from alm_core.portfolio.crossing import crossings, with_crossings
from alm_core.portfolio.doubts import Doubt, doubt_of, with_doubted
from alm_core.portfolio.eligibility import with_ineligible
from alm_core.portfolio.exits import exit_closes, exit_decision
from alm_core.portfolio.fee_window import FeeWindow
from alm_core.portfolio.passage import passage_at
from alm_core.portfolio.reasons import reason_of
from alm_core.portfolio.rules import Rules, rules_of
from alm_core.portfolio.slots import Held
from alm_core.portfolio.survey import survey_chains
from alm_core.portfolio.valuation import nav_usd, transit_usd

POLICY = "default"

ViewsAt = Callable[[float], tuple[ChainView, ...]]
"""Chains as they would be with all measured fees scaled by a factor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What was chosen on every chain, and what it takes to choose again at other fees."""

    choices: tuple[Choice, ...]
    views_at: ViewsAt
    rules: Rules
    budget_usd: float
    in_transit_usd: float = 0.0

    @property
    def nav_usd(self) -> float:
        return sum(choice.view.nav_usd for choice in self.choices) + self.in_transit_usd

    def kind_at(self, fee_scale: float) -> DecisionKind:
        """Kind of the decision with all fees scaled."""
        return kind_of(choose(self.views_at(fee_scale), self.rules, self.budget_usd))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """The part of a plan that is decided."""

    decision: Decision
    nav_usd: float | None
    targets: tuple[Target, ...] = ()
    closes: tuple[PositionClose, ...] = ()
    opens: tuple[Target, ...] = ()
    collects: tuple[PositionClose, ...] = ()
    moves: tuple[Move, ...] = ()


def plan_allocation(
    epoch: Epoch,
    signals: ForceSignals,
    optimized: OptimizedRange,
    snapshot: MarketSnapshot,
    past: PastEpochs,
    config: StrategyConfig,
    limits: LimitsConfig,
    code_version: str,
    config_version: str,
    *,
    explains: bool = True,
    window: FeeWindow | None = None,
) -> AllocationPlan:
    """Return targets, decision and plan of an epoch. Pure: the same inputs give the same plan, byte for byte.

    Parameters
    ----------
    epoch, signals, optimized, snapshot
        The epoch and what upstream assets made of it. ``optimized.price_range`` is the range that is placed;
        ``optimized.regime`` and ``kill_switches`` restrain what may be done.
    past
        Earlier snapshots, the last rebalance, and what the last day's actions promised, cost and brought.
    config, limits
        Gates of the strategy, and the price deviation beyond which nothing is done.
    code_version, config_version
        Recorded in the plan and in its hash.
    explains
        Whether the plan carries the hash of its inputs and a HOLD its counterfactual. They cost most of the time of a
        decision and change nothing in it: backtests do without, and the hash is then empty.
    window
        As in :func:`alm_core.portfolio.yields.pool_yields`.

    Notes
    -----
    An exit outranks everything: it needs the positions and nothing else, and no gate, cost or budget holds it back.
    Otherwise HOLD with a reason that names the source wherever an input is missing or doubtful; else, chain by chain,
    the possible actions are priced, those that fail a gate are set aside, and of the rest the one with the largest net
    gain over ``amortize_days`` is taken, within the budget of the day. Then capital crosses from one chain to another
    where that gains more than both chains would by themselves (:mod:`alm_core.portfolio.crossing`). One gate never
    hides another action. A HOLD states from which fee yield on it would be an action.
    """
    inputs = (epoch, signals, optimized, snapshot, past, config, limits)
    verdict = _verdict(_seen(*inputs, window), signals, optimized, snapshot, explains=explains)
    return AllocationPlan(
        pair=epoch.pair,
        epoch_at=epoch.epoch_at,
        policy=POLICY,
        inputs_hash=canonical_hash(*inputs, code_version, config_version) if explains else "",
        code_version=code_version,
        config_version=config_version,
        price=signals.price,
        nav_usd=verdict.nav_usd,
        targets=verdict.targets,
        decision=verdict.decision,
        closes=verdict.closes,
        opens=verdict.opens,
        collects=verdict.collects,
        moves=verdict.moves,
    )


def _seen(
    epoch: Epoch,
    signals: ForceSignals,
    optimized: OptimizedRange,
    snapshot: MarketSnapshot,
    past: PastEpochs,
    config: StrategyConfig,
    limits: LimitsConfig,
    window: FeeWindow | None,
) -> _Seen | Doubt:
    snapshot = with_ineligible(snapshot, limits)
    doubt = doubt_of(epoch, signals, snapshot, limits)
    if doubt is not None:
        return doubt
    snapshot = with_doubted(snapshot, signals, limits)
    rules = rules_of(epoch, optimized, snapshot, past, config, limits)
    try:
        surveys = survey_chains(signals, optimized, snapshot, past.snapshots, config, window)

        def at(fee_scale: float) -> tuple[ChainView, ...]:
            return views_at(surveys, config, fee_scale=fee_scale)

        views = at(1.0)
        arriving = transit_usd(snapshot, signals.price, [state.pool for state in snapshot.pools])
        in_transit_usd = sum(value.total for value in arriving.values())
        nav = sum(view.nav_usd for view in views) + in_transit_usd
        budget_usd = budget_left_usd(epoch, past.recent, nav, config.day_budget_frac)
        choices = choose(views, rules, budget_usd)
        left_usd = budget_usd - sum(one.taken.cost.total_usd for one in choices if one.taken is not None)
        passage = passage_at(epoch.epoch_at, snapshot, past, config, limits, nav)
        choices = with_crossings(choices, crossings(surveys, passage, arriving, rules, left_usd))
        return _Seen(choices=choices, views_at=at, rules=rules, budget_usd=budget_usd, in_transit_usd=in_transit_usd)
    except InvalidInput as problem:
        return Doubt("inputs", str(problem))


def _verdict(
    seen: _Seen | Doubt, signals: ForceSignals, optimized: OptimizedRange, snapshot: MarketSnapshot, *, explains: bool
) -> _Verdict:
    if optimized.regime.state is RegimeState.EXIT:
        return _leaving(snapshot, signals, optimized, seen)
    return _held(seen) if isinstance(seen, Doubt) else _decided(seen, explains=explains)


def _decided(seen: _Seen, *, explains: bool) -> _Verdict:
    taken = [(choice.view, choice.taken) for choice in seen.choices if choice.taken is not None]
    return _Verdict(
        decision=_decision(seen, explains=explains),
        nav_usd=seen.nav_usd,
        targets=tuple(target for choice in seen.choices for target in choice.view.targets()),
        closes=tuple(_named(view, held) for view, one in taken for held in one.closes),
        opens=tuple(target_of(view, opening) for view, one in taken for opening in one.opens),
        collects=tuple(_named(view, held) for view, one in taken for held in one.collects),
        moves=tuple(move for _, one in taken for move in one.moves),
    )


def _decision(seen: _Seen, *, explains: bool) -> Decision:
    choices, nav = seen.choices, seen.nav_usd
    kind = kind_of(choices)
    reason, binding = reason_of(choices, seen.rules)
    optimal = sum(_optimal_income(choice.view) for choice in choices)
    return Decision(
        kind=kind,
        reason=reason,
        binding=binding,
        current_apr=sum(choice.income_usd for choice in choices) / nav if nav > 0 else 0.0,
        optimal_apr=optimal / nav if nav > 0 else 0.0,
        alternatives=table_of(choices),
        counterfactual=_counterfactual(seen) if explains and kind is DecisionKind.HOLD else None,
    )


def _counterfactual(seen: _Seen) -> Counterfactual | None:
    if seen.rules.restraint or seen.nav_usd <= 0.0 or seen.budget_usd <= 0.0:
        return None
    return fee_counterfactual(seen.kind_at, best_full_range_apr([choice.view for choice in seen.choices]))


def _held(doubt: Doubt) -> _Verdict:
    decision = Decision(
        kind=DecisionKind.HOLD,
        reason=doubt.reason,
        binding=doubt.binding,
        current_apr=0.0,
        optimal_apr=0.0,
        alternatives=(hold_line(doubt.reason),),
    )
    return _Verdict(decision=decision, nav_usd=None)


def _leaving(
    snapshot: MarketSnapshot, signals: ForceSignals, optimized: OptimizedRange, seen: _Seen | Doubt
) -> _Verdict:
    choices = () if isinstance(seen, Doubt) else seen.choices
    decision = exit_decision(snapshot, optimized.regime, choices)
    try:
        nav = nav_usd(snapshot, signals.price, [state.pool for state in snapshot.pools])
    except InvalidInput:
        nav = None
    closes = exit_closes(snapshot) if decision.kind is DecisionKind.EXIT else ()
    return _Verdict(decision=decision, nav_usd=nav, closes=closes)


def _optimal_income(view: ChainView) -> float:
    return view.income_usd((), [slot.placement(slot.wanted_usd) for slot in view.slots.values()])


def _named(view: ChainView, held: Held) -> PositionClose:
    return PositionClose.of(held.position, view.chain.block.chain_id)
