"""Which pools capital may enter, by the figures services tell of them: size, turnover, age.

Their factory, fee and tokens are read on chain and compared with the registry when a pool is read; hooks and tokens
that do not keep their word are refusals of the snapshot. Figures of services can be forged: they only ever refuse.
"""

import math
from dataclasses import replace
from datetime import datetime

from alm_core.model.config import LimitsConfig
from alm_core.model.market import MarketSnapshot, PoolMarket, PoolRefusal
from alm_core.portfolio.violations import Violation, beyond, unknown


def with_ineligible(snapshot: MarketSnapshot, limits: LimitsConfig) -> MarketSnapshot:
    """Return a snapshot that also refuses the pools whose figures are not what the limits ask for."""
    found = tuple(
        PoolRefusal(pool_id=state.pool.pool_id, reason="; ".join(map(str, broken)))
        for state in snapshot.pools
        if snapshot.refusal(state.pool.pool_id) is None
        and (broken := pool_violations(snapshot, state.pool.pool_id, limits))
    )
    return replace(snapshot, refusals=(*snapshot.refusals, *found)) if found else snapshot


def pool_violations(snapshot: MarketSnapshot, pool_id: str, limits: LimitsConfig) -> tuple[Violation, ...]:
    """Return every bound that the figures of a pool break; what nobody tells is judged only if it is required."""
    market = next((one for one in snapshot.markets if one.pool_id == pool_id), None)
    tvl = market.tvl_usd if market else None
    volume = market.volume_24h_usd if market else None
    found: list[Violation] = []
    if tvl is not None:
        found += _at_least("min_pool_tvl_usd", limits.min_pool_tvl_usd, tvl, pool_id)
    if tvl is not None and volume is not None and tvl > 0:
        found += _at_least("min_pool_volume_tvl", limits.min_pool_volume_tvl, volume / tvl, pool_id)
        found += beyond("max_pool_volume_tvl", limits.max_pool_volume_tvl, volume / tvl, pool_id)
    if limits.pool_figures_required and (tvl is None or volume is None):
        found.append(unknown("pool_figures_required", 1, "TVL or volume", pool_id))
    return (*found, *_age(market, snapshot.epoch_at, limits, pool_id))


def _age(market: PoolMarket | None, at: datetime, limits: LimitsConfig, pool_id: str) -> list[Violation]:
    if market is None or market.created_at is None:
        return []
    return _at_least(
        "min_pool_age_days", limits.min_pool_age_days, (at - market.created_at).total_seconds() / 86_400, pool_id
    )


def _at_least(limit: str, bound: float, value: float, where: str) -> list[Violation]:
    if math.isfinite(value) and value >= bound:
        return []
    return [Violation(limit=limit, bound=f"at least {bound:.6g}", value=f"{value:.6g}", where=where)]
