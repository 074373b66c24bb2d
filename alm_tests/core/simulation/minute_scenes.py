"""Prepared minutes for tests: seeded candles in a pool of either token order, fees by figures of a data service."""

from dataclasses import replace
from functools import cache

import numpy as np

from alm_core.forces.aggregation import aggregate
from alm_core.model.candles import CandleSeries, FloatArray
from alm_core.model.market import PoolMarket
from alm_core.model.pools import Pool
from alm_core.simulation.minute_sources import TvlConcentration, minutes_from_figures
from alm_core.simulation.minutes import MinuteMarket
from alm_core.simulation.tape import tape_from_candles
from alm_tests.core.forces.tapes import END_AT, walk
from alm_tests.core.portfolio.scene import pool


def opening_and_closes(series: CandleSeries) -> FloatArray:
    return np.concatenate([series.open[:1], series.close])


def figures(of: Pool, volume_usd: float = 20e6, capital_usd: float = 10e6) -> PoolMarket:
    return PoolMarket(
        pool_id=of.pool_id,
        source="test",
        fetched_at=END_AT,
        volume_24h_usd=volume_usd,
        tvl_usd=capital_usd,
        fee_frac=None,
        base_usd=None,
        quote_usd=1.0,
    )


@cache
def scene(
    days: float = 3,
    *,
    seed: int = 1,
    base_is_token0: bool = True,
    spacing: int = 10,
    volume_usd: float = 20e6,
    sigma_minute: float = 6e-4,
    error_frac: float = 0.0,
) -> tuple[Pool, MinuteMarket]:
    """A pool and its prepared minutes, with forces, fees and liquidity that differ from minute to minute."""
    series = walk(days, seed=seed, sigma_minute=sigma_minute)
    of = pool(spacing=spacing, base_is_token0=base_is_token0)
    concentration = TvlConcentration(times=10.0, error_frac=error_frac)
    market = minutes_from_figures(
        of, [figures(of, volume_usd)], int(series.ts_ms[0]), opening_and_closes(series), concentration
    )
    random = np.random.default_rng(seed)
    drawn = replace(
        market,
        fee_base=market.fee_base * random.exponential(1.0, len(market)),
        fee_quote=market.fee_quote * random.exponential(1.0, len(market)),
        liquidity=market.liquidity * random.uniform(0.5, 2.0, len(market)),
    )
    assert len(aggregate(series, 15)) == len(market.closes)
    return of, drawn.with_forces(tape_from_candles(series))
