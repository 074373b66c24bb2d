"""The decision of an epoch: HOLD unless an action proves itself after all costs."""

from collections.abc import Sequence
from dataclasses import dataclass

from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.decisions import AllocationPlan, Alternative, Decision, DecisionKind, PositionClose, Target
from alm_core.model.epochs import Epoch
from alm_core.model.errors import InvalidInput
from alm_core.model.market import MarketSnapshot, PoolState
from alm_core.model.past import PastEpochs
from alm_core.model.signals import ForceSignals, OptimizedRange
from alm_core.portfolio.canonical import canonical_hash
from alm_core.portfolio.chainview import ChainView, chain_view
from alm_core.portfolio.placements import Outlook
from alm_core.portfolio.plan_limits import is_stable, price_deviation_frac
from alm_core.portfolio.transitions import Name, Transition, transitions
from alm_core.portfolio.valuation import prices_usd
from alm_core.portfolio.yields import pool_yields

DAYS_PER_YEAR = 365.25
POLICY = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """The transition taken on one chain, if any, among those considered."""

    view: ChainView
    considered: tuple[Transition, ...]
    taken: Transition | None


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
) -> AllocationPlan:
    """Return targets, decision and plan of an epoch. Pure: the same inputs give the same plan, byte for byte.

    Parameters
    ----------
    epoch, signals, optimized, snapshot
        The epoch and what upstream assets made of it. ``optimized.price_range`` is the range that is placed.
    past
        Earlier snapshots and the last rebalance.
    config, limits
        Gates of the strategy, and the price deviation beyond which nothing is done.
    code_version, config_version
        Recorded in the plan and in its hash.

    Notes
    -----
    Chain by chain, since capital does not cross chains. HOLD with a reason that names the source wherever an input is
    missing or doubtful. Otherwise the possible actions are priced, those that fail a gate are set aside, and of the
    rest the one with the largest net gain over ``amortize_days`` is taken; one gate never hides another action.
    """
    inputs_hash = canonical_hash(
        epoch, signals, optimized, snapshot, past, config, limits, code_version, config_version
    )
    choices: tuple[_Choice, ...] = ()
    doubt = _doubt(epoch, signals, snapshot, limits)
    if not doubt[0]:
        try:
            views = _views(signals, optimized, snapshot, past, config)
            choices = tuple(_choice(view, epoch, optimized, past, config) for view in views)
        except InvalidInput as problem:
            doubt = ("inputs", str(problem))
    decision = _held(*doubt) if doubt[0] else _decided(choices, config)
    taken = [(choice.view, choice.taken) for choice in choices if choice.taken is not None]
    return AllocationPlan(
        pair=epoch.pair,
        epoch_at=epoch.epoch_at,
        policy=POLICY,
        inputs_hash=inputs_hash,
        code_version=code_version,
        config_version=config_version,
        price=signals.price,
        nav_usd=sum(choice.view.nav_usd for choice in choices) if choices else None,
        targets=tuple(target for choice in choices for target in choice.view.targets()),
        decision=decision,
        closes=tuple(close for view, transition in taken for close in _closes(view, transition)),
        opens=tuple(target for view, transition in taken for target in _opens(view, transition)),
    )


def _doubt(epoch: Epoch, signals: ForceSignals, snapshot: MarketSnapshot, limits: LimitsConfig) -> tuple[str, str]:
    """Return ``(binding constraint, reason)`` why nothing may be decided; empty strings where something may."""
    if snapshot.problems:
        return "source", "; ".join(f"{problem.source}: {problem.detail}" for problem in snapshot.problems)
    if snapshot.quote_usd is None:
        return "source", f"quote price: no source knows USD per quote token of {epoch.pair}"
    if signals.reason:
        return "source", signals.reason
    if not snapshot.holdings:
        return "source", f"holdings: no chain of {epoch.pair} was read"
    for state in snapshot.pools:
        if state.liquidity > 0 and (deviation := price_deviation_frac(state, signals.price)) > _deviation_limit(
            state, limits
        ):
            where = f"{state.pool.pool_id} deviates {deviation:.4%} from the candles' price {signals.price:.8g}"
            return "price_deviation", f"pool price: {where}, more than {_deviation_limit(state, limits):.4%}"
    return "", ""


def _deviation_limit(state: PoolState, limits: LimitsConfig) -> float:
    return limits.max_price_deviation_stable_frac if is_stable(state) else limits.max_price_deviation_frac


def _views(
    signals: ForceSignals,
    optimized: OptimizedRange,
    snapshot: MarketSnapshot,
    past: PastEpochs,
    config: StrategyConfig,
) -> tuple[ChainView, ...]:
    prices = prices_usd(snapshot, signals.price)
    yields = pool_yields(snapshot, past.snapshots, signals.price, config.yield_window_epochs)
    outlook = Outlook(
        sigma_annual_frac=signals.composite.sigma_annual_frac,
        horizon_years=config.amortize_days / DAYS_PER_YEAR,
        lvr_weight=config.lvr_weight,
    )
    return tuple(
        chain_view(snapshot, holdings, optimized, yields, prices, outlook, config)
        for holdings in sorted(snapshot.holdings, key=lambda holdings: holdings.block.chain_id)
    )


def _choice(
    view: ChainView, epoch: Epoch, optimized: OptimizedRange, past: PastEpochs, config: StrategyConfig
) -> _Choice:
    last = past.last_rebalance_at
    held_long = last is None or epoch.epoch_at - last >= config.min_hold
    considered = tuple(transitions(view, config, optimized.params.rs_threshold, held_long=held_long))
    return _Choice(view=view, considered=considered, taken=_best(considered, config.pra_threshold))


def _best(considered: Sequence[Transition], margin_frac: float) -> Transition | None:
    """Return the allowed transition that nets most; one that moves more must beat the smaller ones by a margin."""
    best: Transition | None = None
    for transition in considered:
        if transition.gate:
            continue
        if best is None or transition.net_usd > best.net_usd * (1.0 + margin_frac):
            best = transition
    return best


def _decided(choices: Sequence[_Choice], config: StrategyConfig) -> Decision:
    nav = sum(choice.view.nav_usd for choice in choices)
    current = sum(_current_income(choice.view) for choice in choices)
    optimal = sum(_optimal_income(choice.view) for choice in choices)
    taken = [choice.taken for choice in choices if choice.taken is not None]
    kinds = {transition.kind for transition in taken}
    kind = next((kind for kind in (DecisionKind.PRA, DecisionKind.RS) if kind in kinds), DecisionKind.HOLD)
    reason, binding = _reason(choices, taken, config)
    return Decision(
        kind=kind,
        reason=reason,
        binding=binding,
        current_apr=current / nav if nav > 0 else 0.0,
        optimal_apr=optimal / nav if nav > 0 else 0.0,
        alternatives=_alternatives(choices),
    )


def _reason(choices: Sequence[_Choice], taken: Sequence[Transition], config: StrategyConfig) -> tuple[str, str]:
    if taken:
        parts = [
            f"{one.name} on chain {choice.view.chain.block.chain_id}: {len(one.closes)} closed, {len(one.opens)} "
            f"opened, gain {one.gain_usd:.2f} USD for {one.cost.total_usd:.2f} USD"
            for choice in choices
            if (one := choice.taken) is not None
        ]
        return "; ".join(parts), _binding_of_targets(choices, config)
    refused = [transition for choice in choices for transition in choice.considered]
    if refused:
        best = max(refused, key=lambda transition: transition.net_usd)
        worth = f"gain {best.gain_usd:.2f} USD, cost {best.cost.total_usd:.2f} USD"
        return f"{best.name} refused by {best.gate}: {worth}", best.gate
    if all(choice.view.nav_usd <= 0.0 for choice in choices):
        return "there is no capital", "capital"
    if not any(choice.view.slots for choice in choices):
        return "fee yields: no pool has a fee growth history or a known volume", "source"
    if not any(choice.view.targets() for choice in choices):
        return "no pool's fees exceed its expected loss to arbitrage", "fees_below_lvr"
    return "positions already fit their targets", "nothing_to_do"


def _binding_of_targets(choices: Sequence[_Choice], config: StrategyConfig) -> str:
    targets = [choice.view.targets() for choice in choices if choice.taken is not None]
    if any(target.share_frac >= config.max_pool_share * (1.0 - 1e-9) for chain in targets for target in chain):
        return "max_pool_share"
    return "max_positions" if any(len(chain) == config.max_positions for chain in targets) else "capital"


def _alternatives(choices: Sequence[_Choice]) -> tuple[Alternative, ...]:
    table = [Alternative(action=DecisionKind.HOLD, gain_usd=0.0, cost_usd=0.0, net_usd=0.0, note="default")]
    names: tuple[Name, ...] = ("shift ranges", "place idle capital", "reallocate", "place and shift")
    for name in names:
        found = [one for choice in choices for one in choice.considered if one.name == name]
        if not found:
            continue
        gates = sorted({one.gate for one in found if one.gate})
        table.append(
            Alternative(
                action=found[0].kind,
                gain_usd=sum(one.gain_usd for one in found),
                cost_usd=sum(one.cost.total_usd for one in found),
                net_usd=sum(one.net_usd for one in found),
                note=f"{name}; refused by {', '.join(gates)}" if gates else name,
            )
        )
    return tuple(table)


def _held(binding: str, reason: str) -> Decision:
    hold = Alternative(action=DecisionKind.HOLD, gain_usd=0.0, cost_usd=0.0, net_usd=0.0, note=reason)
    return Decision(
        kind=DecisionKind.HOLD,
        reason=reason,
        binding=binding,
        current_apr=0.0,
        optimal_apr=0.0,
        alternatives=(hold,),
    )


def _current_income(view: ChainView) -> float:
    return view.income_usd([held.placement for held in view.held])


def _optimal_income(view: ChainView) -> float:
    return view.income_usd([slot.placement(slot.wanted_usd) for slot in view.slots.values()])


def _closes(view: ChainView, transition: Transition) -> tuple[PositionClose, ...]:
    return tuple(
        PositionClose(
            pool_id=held.position.pool_id, chain_id=view.chain.block.chain_id, token_id=held.position.token_id
        )
        for held in transition.closes
    )


def _opens(view: ChainView, transition: Transition) -> tuple[Target, ...]:
    return tuple(view.target_of(slot, usd) for slot, usd in transition.opens)
