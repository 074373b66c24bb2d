"""Why nothing may be decided: a source that failed, a figure that is missing, pool prices nobody else agrees with."""

from dataclasses import replace
from typing import NamedTuple

from alm_core.model.config import LimitsConfig
from alm_core.model.epochs import Epoch
from alm_core.model.market import MarketSnapshot, PoolRefusal, PoolState
from alm_core.model.signals import ForceSignals
from alm_core.portfolio.plan_limits import is_stable, price_deviation_frac, twap_deviation_frac


class Doubt(NamedTuple):
    """A binding constraint, and what is wrong in words that name the source."""

    binding: str
    reason: str


def doubt_of(epoch: Epoch, signals: ForceSignals, snapshot: MarketSnapshot, limits: LimitsConfig) -> Doubt | None:
    """Return why nothing may be decided; ``None`` where something may.

    Notes
    -----
    A pool whose price is doubted stops the pair only where it holds a position of ours, whose worth is then not known,
    or where most pools with liquidity are doubted: then it is the other price that may be wrong. Else it is one pool
    that nothing may enter (:func:`with_doubted`): whoever moves a thin pool must not stop all others.
    """
    if snapshot.problems:
        return Doubt("source", "; ".join(f"{problem.source}: {problem.detail}" for problem in snapshot.problems))
    if snapshot.quote_usd is None:
        return Doubt("source", f"quote price: no source knows USD per quote token of {epoch.pair}")
    if signals.reason:
        return Doubt("source", signals.reason)
    if not snapshot.holdings:
        return Doubt("source", f"holdings: no chain of {epoch.pair} was read")
    doubted = _doubted(signals, snapshot, limits)
    if not doubted:
        return None
    held = doubted.keys() & _held(snapshot)
    liquid = sum(state.liquidity > 0 for state in snapshot.pools)
    if held:
        return next(doubt for pool_id, doubt in doubted.items() if pool_id in held)
    if 2 * len(doubted) > liquid:
        first = next(iter(doubted.values()))
        return first if liquid == 1 else Doubt(first.binding, f"{len(doubted)} of {liquid} pools: {first.reason}")
    return None


def with_doubted(snapshot: MarketSnapshot, signals: ForceSignals, limits: LimitsConfig) -> MarketSnapshot:
    """Return a snapshot that also refuses the pools whose prices are doubted, where not all is (:func:`doubt_of`)."""
    found = tuple(
        PoolRefusal(pool_id=pool_id, reason=doubt.reason)
        for pool_id, doubt in _doubted(signals, snapshot, limits).items()
        if snapshot.refusal(pool_id) is None
    )
    return replace(snapshot, refusals=(*snapshot.refusals, *found)) if found else snapshot


def _doubted(signals: ForceSignals, snapshot: MarketSnapshot, limits: LimitsConfig) -> dict[str, Doubt]:
    found: dict[str, Doubt] = {}
    for state in snapshot.pools:
        doubt = _price_doubt(state, signals.price, limits) if state.liquidity > 0 else None
        if doubt is not None:
            found[state.pool.pool_id] = doubt
    return found


def _price_doubt(state: PoolState, price: float, limits: LimitsConfig) -> Doubt | None:
    stable, pool_id = is_stable(state), state.pool.pool_id
    limit = limits.max_price_deviation_stable_frac if stable else limits.max_price_deviation_frac
    if (deviation := price_deviation_frac(state, price)) > limit:
        where = f"{pool_id} deviates {deviation:.4%} from the candles' price {price:.8g}"
        return Doubt("price_deviation", f"pool price: {where}, more than {limit:.4%}")
    limit = limits.max_twap_deviation_stable_frac if stable else limits.max_twap_deviation_frac
    if state.twap and (away := twap_deviation_frac(state)) > limit:
        where = f"{pool_id} is {away:.4%} away from its own mean of {state.twap.window_s} s"
        return Doubt("twap_deviation", f"pool price: {where}, more than {limit:.4%}")
    return None


def _held(snapshot: MarketSnapshot) -> set[str]:
    return {position.pool_id for holdings in snapshot.holdings for position in holdings.positions}
