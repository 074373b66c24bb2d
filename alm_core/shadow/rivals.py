"""Simple policies to be measured against: hold the tokens, a wide range, and a range that is recentred when left.

More of them, known to backtests only, are in :mod:`alm_core.policies.zoo`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from alm_core.math.orientation import price_at_sqrt_price_x96, range_bounds_at_ticks, ticks_for_range
from alm_core.model.candles import CandleSeries
from alm_core.model.decisions import AllocationPlan, Decision, DecisionKind, PositionClose, Target
from alm_core.model.epochs import Epoch
from alm_core.model.market import Holdings, MarketSnapshot, PoolState
from alm_core.model.pools import AssetClass
from alm_core.model.signals import PriceRange
from alm_core.portfolio.valuation import Prices, amounts_usd, full_range_usd, idle_usd
from alm_core.portfolio.yields import PoolYield

WIDE_HALF_WIDTH: dict[AssetClass, float] = {"stable": 0.01, "volatile": 0.5}
RESET_HALF_WIDTH: dict[AssetClass, float] = {"stable": 0.001, "volatile": 0.05}
MIN_PLACED_USD = 1.0

HalfWidths = dict[AssetClass, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a rival looks at.

    Parameters
    ----------
    price, prices
        Quote per base, and USD of both tokens.
    snapshot
        Pools and chains, and what the rival itself holds.
    yields
        What pools pay to their liquidity, by pool id.
    asset_class
        Class of the pair.
    last_moved_at
        When the rival last decided what then changed its holdings; ``None`` before.
    minutes
        Candles before the epoch; ``None`` where they are not handed on.
    """

    epoch: Epoch
    price: float
    snapshot: MarketSnapshot
    prices: Prices
    yields: dict[str, PoolYield]
    asset_class: AssetClass
    last_moved_at: datetime | None = None
    minutes: CandleSeries | None = None


Rival = Callable[[Seen], AllocationPlan]


def hodl(seen: Seen) -> AllocationPlan:
    """Hold the tokens as they were."""
    return rule_plan("hodl", seen, DecisionKind.HOLD, "tokens are held", (), ())


def placed_once(name: str, half_widths: HalfWidths) -> Rival:
    """Return the rival that places everything once in a range around the price and leaves it."""

    def rival(seen: Seen) -> AllocationPlan:
        return _ranged(name, seen, half_widths, resets=False)

    return rival


def recentred(name: str, half_widths: HalfWidths) -> Rival:
    """Return the rival that recentres its range whenever the price has left it.

    The tau-reset strategy of Fan et al., *Strategic Liquidity Provision in Uniswap v3* (2022).
    """

    def rival(seen: Seen) -> AllocationPlan:
        return _ranged(name, seen, half_widths, resets=True)

    return rival


RIVALS: Mapping[str, Rival] = {
    "hodl": hodl,
    "wide": placed_once("wide", WIDE_HALF_WIDTH),
    "tau_reset": recentred("tau_reset", RESET_HALF_WIDTH),
}
"""Rivals that every live epoch is measured against."""


def _ranged(name: str, seen: Seen, half_widths: HalfWidths, *, resets: bool) -> AllocationPlan:
    leaving = [
        (position, held)
        for held in seen.snapshot.holdings
        for position in held.positions
        if resets and not _holds_price(seen, position.pool_id, position.tick_lower, position.tick_upper)
    ]
    left = {held.block.chain_id for _, held in leaving}
    opens = [
        target
        for held in seen.snapshot.holdings
        if (not held.positions or held.block.chain_id in left)
        and (target := _target(seen, held, half_widths[seen.asset_class])) is not None
    ]
    if not opens:
        return rule_plan(name, seen, DecisionKind.HOLD, "the range holds the price", (), ())
    kind = DecisionKind.RS if leaving else DecisionKind.PRA
    reason = "the price has left the range" if leaving else "capital is placed"
    moved = {target.chain_id for target in opens}
    closes = [
        PositionClose.of(position, held.block.chain_id) for position, held in leaving if held.block.chain_id in moved
    ]
    return rule_plan(name, seen, kind, reason, closes, opens)


def _holds_price(seen: Seen, pool_id: str, tick_lower: int, tick_upper: int) -> bool:
    state = seen.snapshot.pool_state(pool_id)
    lower, upper = range_bounds_at_ticks(state.pool, tick_lower, tick_upper)
    return lower <= price_at_sqrt_price_x96(state.pool, state.sqrt_price_x96) < upper


def _target(seen: Seen, held: Holdings, half_width: float) -> Target | None:
    state = best_pool(seen, held.block.chain_id)
    pools = [one.pool for one in seen.snapshot.pools if one.pool.chain_id == held.block.chain_id]
    usd = idle_usd(held, pools, seen.prices).total + sum(
        _position_usd(seen, one.pool_id, one.amount0 + one.fees0, one.amount1 + one.fees1) for one in held.positions
    )
    if state is None or usd < MIN_PLACED_USD:
        return None
    price = price_at_sqrt_price_x96(state.pool, state.sqrt_price_x96)
    lower, upper = price * (1.0 - half_width), price * (1.0 + half_width)
    wanted = PriceRange(
        lower=lower,
        upper=upper,
        base=price,
        breadth_frac=2.0 * half_width,
        confidence=100.0,
        trend_bias=0.0,
        kind="neutral",
    )
    tick_lower, tick_upper = ticks_for_range(state.pool, wanted)
    return Target(
        pool_id=state.pool.pool_id,
        chain_id=held.block.chain_id,
        share_frac=1.0,
        capital_usd=usd,
        expected_apr=0.0,
        tick_lower=tick_lower,
        tick_upper=tick_upper,
    )


def _position_usd(seen: Seen, pool_id: str, amount0: int, amount1: int) -> float:
    return amounts_usd(seen.snapshot.pool_state(pool_id).pool, amount0, amount1, seen.prices).total


def best_pool(seen: Seen, chain_id: int) -> PoolState | None:
    """Return the pool that pays its liquidity most; where that is not known, the deepest."""
    live = [one for one in seen.snapshot.pools if one.pool.chain_id == chain_id and one.liquidity > 0]
    known = [one for one in live if one.pool.pool_id in seen.yields]
    if known:
        return max(known, key=lambda one: (seen.yields[one.pool.pool_id].full_range_apr, one.pool.pool_id))
    depth = {one.pool.pool_id: full_range_usd(one, one.liquidity, seen.prices) for one in live}
    return max(live, key=lambda one: (depth[one.pool.pool_id], one.pool.pool_id), default=None)


def rule_plan(
    name: str,
    seen: Seen,
    kind: DecisionKind,
    reason: str,
    closes: Sequence[PositionClose],
    opens: Sequence[Target],
    collects: Sequence[PositionClose] = (),
) -> AllocationPlan:
    """Return the plan of a rule: what it does and in words why; nothing else of a plan means anything to it."""
    decision = Decision(kind=kind, reason=reason, binding="rule", current_apr=0.0, optimal_apr=0.0, alternatives=())
    return AllocationPlan(
        pair=seen.epoch.pair,
        epoch_at=seen.epoch.epoch_at,
        policy=name,
        inputs_hash="",
        code_version="",
        config_version="",
        price=seen.price,
        nav_usd=None,
        targets=tuple(opens),
        decision=decision,
        closes=tuple(closes),
        opens=tuple(opens),
        collects=tuple(collects),
    )
