"""The seed policy's plan: the reference's decision on every chain, in the form every policy gives."""

from collections.abc import Sequence

from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.decisions import REFUSED, AllocationPlan, Alternative, Decision, DecisionKind
from alm_core.model.epochs import Epoch
from alm_core.model.errors import InvalidInput
from alm_core.model.market import MarketSnapshot
from alm_core.model.past import PastEpochs
from alm_core.model.signals import ForceSignals, OptimizedRange, RegimeState
from alm_core.policies.seed.desk import Desk, desk_of
from alm_core.policies.seed.ieee import added
from alm_core.policies.seed.memory import Memory, known_figures
from alm_core.policies.seed.params import GAS_COST_USD, POSITION_VALUE_USD
from alm_core.portfolio.canonical import canonical_hash
from alm_core.portfolio.doubts import doubt_of, with_doubted
from alm_core.portfolio.eligibility import with_ineligible
from alm_core.portfolio.valuation import prices_usd

POLICY = "seed"
MIN_ANSWERED_FRAC = 0.5
REASONS = {
    "min_hold": "the minimum hold since the last rebalance is not over",
    "pra_gas": "a week of the higher APR pays less than 1.5 times the gas",
    "rs_gas": "a week of better fitting ranges pays less than 2 times the gas",
    "nothing_to_do": "neither APR nor ranges ask for a move",
}


def seed_plan(
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
        Earlier snapshots: the last one's volumes make the interval volume, and entry APRs are found in them.
    config, limits
        Hold, PRA threshold and number of positions; the price deviation beyond which nothing is done. Constant in
        the reference and so here: 0.50 USD of gas, 10,000 USD of capital, multiples 1.5 and 2, 7 days.
    code_version, config_version
        Recorded in the plan and in its hash.

    Notes
    -----
    HOLD with a reason that names the source wherever the default policy would not trust its inputs either, and where
    fewer than half of the pools have known figures, the reference's own guard. Pools that nothing may enter get
    nothing. Gas, slippage and price checks of the execution are ours; only the decision is the reference's.
    """
    inputs_hash = canonical_hash(
        POLICY, epoch, signals, optimized, snapshot, past, config, limits, code_version, config_version
    )
    desks: tuple[Desk, ...] = ()
    snapshot = with_ineligible(snapshot, limits)
    binding, reason = _doubt(epoch, signals, optimized, snapshot, limits)
    if not binding:
        try:
            desks = _desks(epoch, signals, optimized, with_doubted(snapshot, signals, limits), past, config)
            return _plan(inputs_hash, epoch, signals, desks, _decided(desks), code_version, config_version)
        except InvalidInput as problem:
            binding, reason = "inputs", str(problem)
    return _plan(inputs_hash, epoch, signals, (), _held(binding, reason), code_version, config_version)


def _plan(
    inputs_hash: str,
    epoch: Epoch,
    signals: ForceSignals,
    desks: Sequence[Desk],
    decision: Decision,
    code_version: str,
    config_version: str,
) -> AllocationPlan:
    return AllocationPlan(
        pair=epoch.pair,
        epoch_at=epoch.epoch_at,
        policy=POLICY,
        inputs_hash=inputs_hash,
        code_version=code_version,
        config_version=config_version,
        price=signals.price,
        nav_usd=added(desk.nav_usd for desk in desks) if desks else None,
        targets=tuple(target for desk in desks for target in desk.targets()),
        decision=decision,
        closes=tuple(close for desk in desks for close in desk.closes()),
        opens=tuple(target for desk in desks for target in desk.opens()),
    )


def _doubt(
    epoch: Epoch, signals: ForceSignals, optimized: OptimizedRange, snapshot: MarketSnapshot, limits: LimitsConfig
) -> tuple[str, str]:
    """Return ``(binding constraint, reason)`` why nothing may be decided; empty strings where something may."""
    doubt = doubt_of(epoch, signals, snapshot, limits)
    if doubt is not None:
        return doubt.binding, doubt.reason
    known = len({one.pool for one in known_figures(snapshot)})
    if known == 0 or known < MIN_ANSWERED_FRAC * len(snapshot.pools):
        return "source", f"market data: volume and TVL known of {known} of {len(snapshot.pools)} pools"
    if optimized.regime.state is RegimeState.SUPPRESS:
        return "regime", f"suppressed: {optimized.regime.reason}"
    return "", ""


def _desks(
    epoch: Epoch,
    signals: ForceSignals,
    optimized: OptimizedRange,
    snapshot: MarketSnapshot,
    past: PastEpochs,
    config: StrategyConfig,
) -> tuple[Desk, ...]:
    memory = Memory(snapshots=(*past.snapshots, snapshot), last_rebalance_at=past.last_rebalance_at)
    prices = prices_usd(snapshot, signals.price)
    return tuple(
        desk_of(epoch, holdings, signals, optimized, memory, prices, config)
        for holdings in sorted(snapshot.holdings, key=lambda holdings: holdings.block.chain_id)
    )


def _decided(desks: Sequence[Desk]) -> Decision:
    nav = added(desk.nav_usd for desk in desks)
    weights = [desk.nav_usd / nav if nav > 0.0 else 0.0 for desk in desks]
    kinds = {desk.decided.kind for desk in desks}
    kind = next((kind for kind in (DecisionKind.PRA, DecisionKind.RS) if kind in kinds), DecisionKind.HOLD)
    reason, binding = _reason(desks, kind)
    return Decision(
        kind=kind,
        reason=reason,
        binding=binding,
        current_apr=added(weight * desk.decided.current_apr for weight, desk in zip(weights, desks, strict=True)),
        optimal_apr=added(weight * desk.decided.optimal_apr for weight, desk in zip(weights, desks, strict=True)),
        alternatives=_alternatives(desks, "" if kind is DecisionKind.HOLD else binding),
    )


def _reason(desks: Sequence[Desk], kind: DecisionKind) -> tuple[str, str]:
    acting = [desk for desk in desks if desk.decided.kind is not DecisionKind.HOLD]
    if acting:
        parts = [
            f"{desk.decided.kind.value} on chain {desk.chain_id}: APR {desk.decided.current_apr:.4f} at entry, "
            f"{desk.decided.optimal_apr:.4f} wanted; {len(desk.closes())} closed, {len(desk.opens())} opened"
            for desk in acting
        ]
        return "; ".join(parts), "pra_threshold" if kind is DecisionKind.PRA else "rs_threshold"
    if all(not desk.shares and not desk.held for desk in desks):
        return "no capital to place, or no pool with a yield", "capital"
    gate = next((desk.decided.gate for desk in desks if desk.decided.gate != "nothing_to_do"), "nothing_to_do")
    return REASONS[gate], gate


def _alternatives(desks: Sequence[Desk], instead: str) -> tuple[Alternative, ...]:
    """HOLD, reallocation and shift over a week; what no chain does carries the gate that kept it from it."""
    note = f"default; {REFUSED} {instead}" if instead else "default"
    hold = Alternative(action=DecisionKind.HOLD, gain_usd=0.0, cost_usd=0.0, net_usd=0.0, note=note)
    return hold, _alternative(desks, DecisionKind.PRA), _alternative(desks, DecisionKind.RS)


def _alternative(desks: Sequence[Desk], action: DecisionKind) -> Alternative:
    doing = [desk for desk in desks if desk.decided.kind is action]
    counted = doing or desks
    if action is DecisionKind.PRA:
        gain = added(desk.reallocation_gain_usd for desk in counted)
        note, threshold = f"reallocate; the gate reckons with {POSITION_VALUE_USD:,.0f} USD", "pra_threshold"
    else:
        gain = added(desk.shift_gain_usd for desk in counted)
        note, threshold = "shift ranges", "rs_threshold"
    if not doing:
        gate = next((desk.decided.gate for desk in desks if desk.decided.gate), threshold)
        note = f"{note}; {REFUSED} {threshold if gate == 'nothing_to_do' else gate}"
    cost = GAS_COST_USD * len(counted)
    return Alternative(action=action, gain_usd=gain, cost_usd=cost, net_usd=gain - cost, note=note)


def _held(binding: str, reason: str) -> Decision:
    hold = Alternative(action=DecisionKind.HOLD, gain_usd=0.0, cost_usd=0.0, net_usd=0.0, note=reason)
    return Decision(
        kind=DecisionKind.HOLD, reason=reason, binding=binding, current_apr=0.0, optimal_apr=0.0, alternatives=(hold,)
    )
