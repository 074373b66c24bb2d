"""Why nothing may be decided: a source that failed, a figure that is missing, a pool price nobody else agrees with."""

from typing import NamedTuple

from alm_core.model.config import LimitsConfig
from alm_core.model.epochs import Epoch
from alm_core.model.market import MarketSnapshot, PoolState
from alm_core.model.signals import ForceSignals
from alm_core.portfolio.plan_limits import is_stable, price_deviation_frac, twap_deviation_frac


class Doubt(NamedTuple):
    """A binding constraint, and what is wrong in words that name the source."""

    binding: str
    reason: str


def doubt_of(epoch: Epoch, signals: ForceSignals, snapshot: MarketSnapshot, limits: LimitsConfig) -> Doubt | None:
    """Return why nothing may be decided; ``None`` where something may."""
    if snapshot.problems:
        return Doubt("source", "; ".join(f"{problem.source}: {problem.detail}" for problem in snapshot.problems))
    if snapshot.quote_usd is None:
        return Doubt("source", f"quote price: no source knows USD per quote token of {epoch.pair}")
    if signals.reason:
        return Doubt("source", signals.reason)
    if not snapshot.holdings:
        return Doubt("source", f"holdings: no chain of {epoch.pair} was read")
    for state in snapshot.pools:
        limit = _deviation_limit(state, limits)
        if state.liquidity > 0 and (deviation := price_deviation_frac(state, signals.price)) > limit:
            where = f"{state.pool.pool_id} deviates {deviation:.4%} from the candles' price {signals.price:.8g}"
            return Doubt("price_deviation", f"pool price: {where}, more than {limit:.4%}")
        if (
            state.liquidity > 0
            and state.twap
            and (away := twap_deviation_frac(state)) > (limit := _twap_limit(state, limits))
        ):
            where = f"{state.pool.pool_id} is {away:.4%} away from its own mean of {state.twap.window_s} s"
            return Doubt("twap_deviation", f"pool price: {where}, more than {limit:.4%}")
    return None


def _deviation_limit(state: PoolState, limits: LimitsConfig) -> float:
    return limits.max_price_deviation_stable_frac if is_stable(state) else limits.max_price_deviation_frac


def _twap_limit(state: PoolState, limits: LimitsConfig) -> float:
    return limits.max_twap_deviation_stable_frac if is_stable(state) else limits.max_twap_deviation_frac
