"""A year of minutes with two pools as it is recorded in real life: with holes, a late listing and a pool that dies."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from alm_core.math.tick import Q128
from alm_core.model.candles import CandleSeries, FloatArray
from alm_core.model.market import MarketSnapshot
from alm_core.model.pools import Pool
from alm_tests.core.backtest.tape_snapshot import Chain, PoolAt, liquidity_worth, snapshot_at
from alm_tests.core.forces.tapes import walk
from alm_tests.core.portfolio.scene import pool

FIRST_AT = datetime(2025, 1, 1, tzinfo=UTC)
TYPICAL_PRICE = 2500.0


@dataclass(frozen=True, kw_only=True)
class Life:
    """When a pool is there, in days since the beginning; ``dead_day`` is when its last liquidity leaves."""

    of: Pool
    listed_day: float = -1e9
    dead_day: float = 1e9
    gone_day: float = 1e9
    """When the registry loses it: snapshots do not have it any more."""
    active_usd: float = 40e6
    fees_usd_day: float = 3_500.0
    """About what the liquidity loses to arbitrage on these minutes."""


@dataclass(kw_only=True)
class YearMarket:
    """A :class:`alm_core.model.backtest.MarketHistory` over one walk of minutes.

    ``minute_holes`` and ``snapshot_holes`` are ``(first day, days)`` in which nothing was recorded.
    """

    days: int
    lives: tuple[Life, ...] = (Life(of=pool(500, 10)),)
    minute_holes: tuple[tuple[float, float], ...] = ()
    snapshot_holes: tuple[tuple[float, float], ...] = ()
    seed: int = 1
    warm_days: int = 31
    gas_gwei: float = 0.01
    minutes: CandleSeries = field(init=False)
    whole: CandleSeries = field(init=False)

    def __post_init__(self) -> None:
        end_at = FIRST_AT + timedelta(days=self.days)
        self.whole = walk(self.days + self.warm_days, sigma_minute=7e-4, seed=self.seed, end_at=end_at)
        keep = ~self._inside(self.whole.ts_ms / 1000.0, self.minute_holes)
        self.minutes = self.whole.rows(np.flatnonzero(keep))

    def candles(self, start_at: datetime, end_at: datetime) -> CandleSeries:
        return self.minutes.between(start_at, end_at)

    def snapshot(self, epoch_at: datetime) -> MarketSnapshot | None:
        day = (epoch_at - FIRST_AT) / timedelta(days=1)
        if self._inside(np.array([epoch_at.timestamp()]), self.snapshot_holes)[0]:
            return None
        row = int((epoch_at.timestamp() * 1000 - self.whole.ts_ms[0]) // 60_000) - 1
        price = float(self.whole.close[max(0, row)])
        chain = Chain(
            chain_id=8453, base_fee_wei=int(self.gas_gwei * 1e9), priority_fee_wei=10**6, native_usd=TYPICAL_PRICE
        )
        there = (life for life in self.lives if life.listed_day <= day < life.gone_day)
        return snapshot_at(epoch_at, (self._seen(life, price, day) for life in there), chain)

    def _seen(self, life: Life, price: float, day: float) -> PoolAt:
        # Per unit of the liquidity of a typical price, so that growth never shrinks with the price.
        typical = int(liquidity_worth(life.of, life.active_usd, TYPICAL_PRICE))
        lived = min(day, life.dead_day) + self.warm_days
        return PoolAt(
            pool=life.of,
            price=price,
            liquidity=int(liquidity_worth(life.of, life.active_usd, price)) if day < life.dead_day else 0,
            growth0_x128=0,
            growth1_x128=int(life.fees_usd_day * lived * 1e6) * Q128 // typical,
            tvl_usd=life.active_usd,
        )

    def _inside(self, seconds: FloatArray, holes: Iterable[tuple[float, float]]) -> np.ndarray:
        days = (seconds - FIRST_AT.timestamp()) / 86_400.0
        found = np.zeros(days.shape, dtype=np.bool_)
        for first, length in holes:
            found |= (days >= first) & (days < first + length)
        return found
