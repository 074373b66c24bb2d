"""Whether a plan is one that may be carried out at all: shares, ticks, prices, positions, turnover."""

import math
from collections import Counter, defaultdict

from alm_core.math.orientation import price_at_sqrt_price_x96, price_at_tick
from alm_core.model.config import LimitsConfig
from alm_core.model.decisions import AllocationPlan, DecisionKind, PositionClose, Target
from alm_core.model.market import MarketSnapshot, PoolState, Position
from alm_core.portfolio.sight import unseen_chains
from alm_core.portfolio.violations import Violation, beyond, unknown

_ROUNDING = 1e-9


def check_plan(plan: AllocationPlan, snapshot: MarketSnapshot, limits: LimitsConfig) -> tuple[Violation, ...]:
    """Return every bound a plan breaks, seen from its snapshot; empty means it may be executed.

    Pure and cheap: the check of the allocations asset and the executor ask the same question.
    """
    if plan.decision.kind is DecisionKind.HOLD:
        return _moves_nothing(plan)
    if plan.decision.kind is DecisionKind.EXIT:
        return _only_closes(plan, snapshot)
    found: list[Violation] = []
    if snapshot.problems:
        sources = ", ".join(problem.source for problem in snapshot.problems)
        found.append(Violation(limit="sources", bound="all answered", value=sources, where="snapshot"))
    if not (math.isfinite(plan.price) and plan.price > 0):
        found.append(unknown("price", 0, f"independent price {plan.price}", plan.pair))
    if snapshot.quote_usd is None or plan.nav_usd is None or not (math.isfinite(plan.nav_usd) and plan.nav_usd > 0):
        found.append(unknown("nav_usd", 0, f"NAV {plan.nav_usd} at quote price {snapshot.quote_usd}", plan.pair))
    found += [violation for close in plan.closes for violation in _held("closes", close, snapshot)]
    found += [violation for collect in plan.collects for violation in _held("collects", collect, snapshot)]
    for target in plan.opens:
        found += _target(target, snapshot)
    for pool_id in sorted({move.pool_id for move in (*plan.closes, *plan.collects, *plan.opens)}):
        found += _pool_price(pool_id, plan, snapshot, limits)
    return (*found, *_moved_twice(plan), *_sent(plan, snapshot, limits), *_shares(plan), *_turnover(plan, limits))


def beyond_day_caps(plan: AllocationPlan, rebalances: int, moved_usd: float, limits: LimitsConfig) -> list[str]:
    """Return what of a plan would be too much: better refused whole than halfway, with positions closed.

    Parameters
    ----------
    plan
        One that is no EXIT.
    rebalances
        Plans of the hour before its epoch that closed positions to place anew.
    moved_usd
        What was placed, swapped and sent in the 24 h before.
    limits
        Bounds.
    """
    found: list[str] = []
    if plan.closes and rebalances >= limits.max_rebalances_hour:
        bound = limits.max_rebalances_hour
        found.append(f"max_rebalances_hour: {rebalances} rebalances within the hour (bound {bound})")
    placed, cap = placed_usd(plan), limits.max_day_turnover_frac * (plan.nav_usd or 0.0)
    if placed and moved_usd + placed > cap:
        found.append(
            f"max_day_turnover_frac: {moved_usd:.2f} USD moved in 24 h, the plan places {placed:.2f} more "
            f"(bound {cap:.2f})"
        )
    return found


def placed_usd(plan: AllocationPlan) -> float:
    """Return what a plan places and sends to other chains."""
    return sum(target.capital_usd for target in plan.opens) + sum(move.capital_usd for move in plan.moves)


def price_deviation_frac(state: PoolState, price: float) -> float:
    """Return how far a pool's price is from an independent one, as a fraction of the latter."""
    return abs(price_at_sqrt_price_x96(state.pool, state.sqrt_price_x96) / price - 1)


def twap_deviation_frac(state: PoolState) -> float:
    """Return how far a pool's price is from its own mean, as a fraction of the latter; infinite where it keeps none."""
    if state.twap is None:
        return float("inf")
    mean = price_at_tick(state.pool, state.twap.tick)
    return abs(price_at_sqrt_price_x96(state.pool, state.sqrt_price_x96) / mean - 1)


def is_stable(state: PoolState) -> bool:
    """True where both tokens of a pool are stables, so that the stricter bounds apply."""
    return state.pool.token0.asset_class == "stable" and state.pool.token1.asset_class == "stable"


def _moves_nothing(plan: AllocationPlan) -> tuple[Violation, ...]:
    moves = len(plan.closes) + len(plan.opens) + len(plan.collects) + len(plan.moves)
    if not moves:
        return ()
    return (Violation(limit="hold", bound="0 moves", value=f"{moves} moves", where=plan.pair),)


def _only_closes(plan: AllocationPlan, snapshot: MarketSnapshot) -> tuple[Violation, ...]:
    """Return what keeps an exit from being one. Leaving needs neither NAV nor price: it must be possible without."""
    found: list[Violation] = []
    if moves := len(plan.opens) + len(plan.collects) + len(plan.moves):
        found.append(Violation(limit="exit", bound="closes only", value=f"{moves} other moves", where=plan.pair))
    if not plan.closes:
        found.append(Violation(limit="exit", bound="closes only", value="closes nothing", where=plan.pair))
    unseen = unseen_chains(snapshot)
    blind = sorted({close.chain_id for close in plan.closes} & unseen.keys())
    found += [Violation(limit="sources", bound="all answered", value=unseen[one], where="snapshot") for one in blind]
    found += [violation for close in plan.closes for violation in _held("closes", close, snapshot)]
    return (*found, *_moved_twice(plan))


def _held(limit: str, move: PositionClose, snapshot: MarketSnapshot) -> list[Violation]:
    if _position(move.pool_id, move.chain_id, move.token_id, snapshot) is not None:
        return []
    return [Violation(limit=limit, bound="a position we hold", value=f"#{move.token_id}", where=move.pool_id)]


def _position(pool_id: str, chain_id: int, token_id: int, snapshot: MarketSnapshot) -> Position | None:
    for holdings in snapshot.holdings:
        for position in holdings.positions if holdings.block.chain_id == chain_id else ():
            if (position.pool_id, position.token_id) == (pool_id, token_id):
                return position
    return None


def _moved_twice(plan: AllocationPlan) -> list[Violation]:
    """A position is closed, or collected from, or added to, each once; only the last two go together."""
    closed = [(move.pool_id, move.token_id) for move in plan.closes]
    collected = [(move.pool_id, move.token_id) for move in plan.collects]
    added = [(target.pool_id, target.token_id) for target in plan.opens if target.token_id is not None]
    counts = Counter([*closed, *collected]) | Counter([*closed, *added])
    return [
        Violation(limit="moves", bound="once per position", value=f"#{token_id} {count} times", where=pool_id)
        for (pool_id, token_id), count in sorted(counts.items())
        if count > 1
    ]


def _target(target: Target, snapshot: MarketSnapshot) -> list[Violation]:
    found: list[Violation] = []
    state = _state(target.pool_id, snapshot)
    spacing = state.pool.tick_spacing if state else 1
    ticks = f"[{target.tick_lower}, {target.tick_upper}]"
    if target.tick_lower >= target.tick_upper or target.tick_lower % spacing or target.tick_upper % spacing:
        found.append(
            Violation(limit="ticks", bound=f"ascending multiples of {spacing}", value=ticks, where=target.pool_id)
        )
    if not 0 < target.share_frac <= 1 + _ROUNDING:
        found.append(
            Violation(limit="share_frac", bound="(0, 1]", value=f"{target.share_frac:.6g}", where=target.pool_id)
        )
    if (refused := snapshot.refusal(target.pool_id)) is not None:
        found.append(Violation(limit="tokens", bound="keep their word", value=refused, where=target.pool_id))
    return [*found, *_added_to(target, snapshot)]


def _added_to(target: Target, snapshot: MarketSnapshot) -> list[Violation]:
    """Return what is wrong with adding to a position: it must be ours, and lie at exactly these ticks."""
    if target.token_id is None:
        return []
    position = _position(target.pool_id, target.chain_id, target.token_id, snapshot)
    value = f"#{target.token_id}"
    if position is None:
        return [Violation(limit="adds", bound="a position we hold", value=value, where=target.pool_id)]
    if (position.tick_lower, position.tick_upper) == (target.tick_lower, target.tick_upper):
        return []
    bound = f"[{position.tick_lower}, {position.tick_upper}], its ticks"
    value = f"{value} at [{target.tick_lower}, {target.tick_upper}]"
    return [Violation(limit="adds", bound=bound, value=value, where=target.pool_id)]


def _pool_price(pool_id: str, plan: AllocationPlan, snapshot: MarketSnapshot, limits: LimitsConfig) -> list[Violation]:
    state = _state(pool_id, snapshot)
    if state is None or not plan.price > 0:
        return [unknown("max_price_deviation_frac", limits.max_price_deviation_frac, "pool price", pool_id)]
    deviation = price_deviation_frac(state, plan.price)
    if is_stable(state):
        return beyond("max_price_deviation_stable_frac", limits.max_price_deviation_stable_frac, deviation, pool_id)
    return beyond("max_price_deviation_frac", limits.max_price_deviation_frac, deviation, pool_id)


def _sent(plan: AllocationPlan, snapshot: MarketSnapshot, limits: LimitsConfig) -> list[Violation]:
    """Return what is wrong with what the plan sends to other chains: between chains that were seen, each way once."""
    found: list[Violation] = []
    known = {holdings.block.chain_id for holdings in snapshot.holdings}
    ways = Counter((move.from_chain, move.to_chain) for move in plan.moves)
    for move in plan.moves:
        where = f"chain {move.from_chain} to chain {move.to_chain}"
        sound = move.from_chain != move.to_chain and {move.from_chain, move.to_chain} <= known
        if not sound or ways[(move.from_chain, move.to_chain)] > 1:
            bound = "between chains seen, once each"
            found.append(Violation(limit="moves", bound=bound, value=where, where=plan.pair))
        if not 0 < move.share_frac <= 1 + _ROUNDING:
            found.append(Violation(limit="share_frac", bound="(0, 1]", value=f"{move.share_frac:.6g}", where=where))
    sent = sum(move.capital_usd for move in plan.moves)
    most = limits.max_day_bridge_frac * (plan.nav_usd or 0.0) * (1 + _ROUNDING)
    return [*found, *(beyond("max_day_bridge_frac x nav_usd", most, sent, plan.pair) if plan.moves else ())]


def _shares(plan: AllocationPlan) -> list[Violation]:
    shares: dict[int, float] = defaultdict(float)
    for target in plan.opens:
        shares[target.chain_id] += target.share_frac
    for move in plan.moves:
        shares[move.from_chain] += move.share_frac
    return [v for chain, share in shares.items() for v in beyond("share_frac", 1 + 1e-6, share, f"chain {chain}")]


def _turnover(plan: AllocationPlan, limits: LimitsConfig) -> list[Violation]:
    if plan.nav_usd is None:
        return []
    placed = sum(target.capital_usd for target in plan.opens)
    bound = limits.max_epoch_turnover_frac * plan.nav_usd
    return beyond("max_epoch_turnover_frac x nav_usd", bound * (1 + _ROUNDING), placed, plan.pair)


def _state(pool_id: str, snapshot: MarketSnapshot) -> PoolState | None:
    try:
        return snapshot.pool_state(pool_id)
    except KeyError:
        return None
