"""A year of minutes with two pools as it is recorded in real life: with holes, a late listing and a pool that dies."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from alm_core.math.orientation import sqrt_price_x96_from_price
from alm_core.math.tick import Q128, tick_at_sqrt_price_x96
from alm_core.model.candles import CandleSeries, FloatArray
from alm_core.model.market import Block, ChainState, MarketSnapshot, PoolMarket, PoolState
from alm_core.model.pools import Pool
from alm_tests.core.forces.tapes import walk
from alm_tests.core.portfolio.scene import pool

PAIR = "WETH-USDC"
FIRST_AT = datetime(2025, 1, 1, tzinfo=UTC)
MINUTES_PER_DAY = 1440
CHAIN = 8453


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
        block = Block(
            chain_id=CHAIN, number=int(epoch_at.timestamp()) // 2, block_hash="0x" + "1" * 64, block_at=epoch_at
        )
        there = [life for life in self.lives if life.listed_day <= day < life.gone_day]
        return MarketSnapshot(
            pair=PAIR,
            epoch_at=epoch_at,
            quote_usd=1.0,
            chains=(
                ChainState(
                    block=block, base_fee_wei=int(self.gas_gwei * 1e9), priority_fee_wei=10**6, native_usd=2500.0
                ),
            ),
            pools=tuple(self._state(life, price, day, block) for life in there),
            markets=tuple(self._market(life, price, epoch_at) for life in there),
            holdings=(),
        )

    def _state(self, life: Life, price: float, day: float, block: Block) -> PoolState:
        sqrt_price = sqrt_price_x96_from_price(life.of, price)
        raw_quote = life.active_usd / 2 * 10**6
        root = sqrt_price / 2**96
        liquidity = int(raw_quote / root)
        # Per unit of the liquidity of a typical price, so that growth never shrinks with the price.
        typical = int(raw_quote / (2500.0e-12) ** 0.5)
        lived = min(day, life.dead_day) + self.warm_days
        return PoolState(
            pool=life.of,
            block=block,
            sqrt_price_x96=sqrt_price,
            tick=tick_at_sqrt_price_x96(sqrt_price),
            liquidity=liquidity if day < life.dead_day else 0,
            fee_pips=life.of.fee_pips or 0,
            fee_growth_global0_x128=0,
            fee_growth_global1_x128=int(life.fees_usd_day * lived * 1e6) * Q128 // typical,
        )

    def _market(self, life: Life, price: float, at: datetime) -> PoolMarket:
        return PoolMarket(
            pool_id=life.of.pool_id,
            source="tape",
            fetched_at=at,
            volume_24h_usd=None,
            tvl_usd=life.active_usd,
            fee_frac=(life.of.fee_pips or 0) / 1e6,
            base_usd=price,
            quote_usd=1.0,
        )

    def _inside(self, seconds: FloatArray, holes: Iterable[tuple[float, float]]) -> np.ndarray:
        days = (seconds - FIRST_AT.timestamp()) / 86_400.0
        found = np.zeros(days.shape, dtype=np.bool_)
        for first, length in holes:
            found |= (days >= first) & (days < first + length)
        return found
