"""A market of one pool that is made day by day, seeded: what is older than a look-back is forgotten."""

import math
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from alm_core.math.tick import Q128
from alm_core.model.candles import MINUTE_MS, CandleSeries, FloatArray
from alm_core.model.inputs import LOOK_BACK
from alm_core.model.market import MarketSnapshot
from alm_tests.core.backtest.tape_snapshot import (
    POOL,
    TVL_PER_ACTIVE,
    PoolAt,
    fees_per_liquidity,
    liquidity_worth,
    snapshot_at,
)

MINUTES_PER_DAY, MINUTES_PER_YEAR = 1440, 525_960
KEPT_DAYS = LOOK_BACK.days + 2
ACTIVE_USD = 40e6
"""Full-range value of the active liquidity, about that of the recorded Polygon pool."""
FEE_MULTIPLE = 1.2
"""Fees over what the liquidity loses to arbitrage, in expectation."""
LEVELS, STAY_FRAC = (0.35, 0.6, 1.1), (0.97, 0.95, 0.85)
"""Annual volatility of calm, normal and stormy hours, and the chance that an hour is like the one before."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Day:
    """Minutes of a day, and at the end of each the liquidity, both fee growths and the volume since the beginning."""

    begins_at: datetime
    candles: CandleSeries
    liquidity: FloatArray
    growth0: FloatArray
    growth1: FloatArray
    volume_usd: FloatArray


class SeededDays:
    """Satisfies :class:`alm_core.model.backtest.MarketHistory`, asked in order of time.

    Parameters
    ----------
    seed
        The same seed is the same market.
    first_at
        Midnight of the first day.
    """

    def __init__(self, seed: int, first_at: datetime) -> None:
        self._random = np.random.default_rng(seed)
        self._end_at = first_at
        self._days: deque[_Day] = deque(maxlen=KEPT_DAYS)
        self._price, self._level = 2_000.0, 1
        self._sums = (0.0, 0.0, 0.0)

    def candles(self, start_at: datetime, end_at: datetime) -> CandleSeries:
        """Minutes that open in ``[start_at, end_at)``."""
        self._make_until(end_at)
        parts: list[CandleSeries] = []
        for day in reversed(self._days):
            parts.append(day.candles.between(start_at, end_at))
            if day.begins_at <= start_at:
                break
        return parts[0] if len(parts) == 1 else CandleSeries.joined(parts)

    def snapshot(self, epoch_at: datetime) -> MarketSnapshot | None:
        """Return the pool as it was right before an epoch; ``None`` where the market had not begun."""
        self._make_until(epoch_at)
        minute_ms = int(epoch_at.timestamp()) * 1000 - MINUTE_MS
        back = (int(self._end_at.timestamp()) * 1000 - MINUTE_MS - minute_ms) // (MINUTES_PER_DAY * MINUTE_MS)
        if back >= len(self._days):
            return None
        day = self._days[-1 - back]
        row = (minute_ms - int(day.candles.ts_ms[0])) // MINUTE_MS
        earlier = self._days[-2 - back].volume_usd[row] if back + 2 <= len(self._days) else 0.0
        return _snapshot(day, row, epoch_at, float(day.volume_usd[row] - earlier))

    def _make_until(self, at: datetime) -> None:
        while self._end_at < at:
            self._days.append(self._made())

    def _made(self) -> _Day:
        random, count = self._random, MINUTES_PER_DAY
        sigma = np.repeat([self._next_level() for _ in range(24)], 60) / math.sqrt(MINUTES_PER_YEAR)
        steps = sigma * random.standard_t(5, count) / math.sqrt(5 / 3)
        close = self._price * np.exp(np.cumsum(steps))
        opened = np.concatenate([[self._price], close[:-1]])
        up, down = np.abs(random.normal(0.0, 0.5, (2, count))) * sigma
        fees_usd = sigma**2 / 8.0 * ACTIVE_USD * FEE_MULTIPLE * random.gamma(2.0, 0.5, count)
        liquidity = liquidity_worth(POOL, ACTIVE_USD, close)
        growths = fees_per_liquidity(POOL, fees_usd / 2.0 / close, fees_usd / 2.0, liquidity)
        growth0, growth1 = self._sums[0] + np.cumsum(growths[0]), self._sums[1] + np.cumsum(growths[1])
        volume_usd = self._sums[2] + np.cumsum(fees_usd / ((POOL.fee_pips or 0) / 1e6))
        begins_at = self._end_at
        self._price, self._end_at = float(close[-1]), begins_at + timedelta(days=1)
        self._sums = float(growth0[-1]), float(growth1[-1]), float(volume_usd[-1])
        series = CandleSeries(
            ts_ms=int(begins_at.timestamp()) * 1000 + MINUTE_MS * np.arange(count, dtype=np.int64),
            open=opened,
            high=np.maximum(opened, close) * np.exp(up),
            low=np.minimum(opened, close) * np.exp(-down),
            close=close,
            volume=fees_usd / close,
            filled=np.zeros(count, dtype=np.bool_),
        )
        return _Day(
            begins_at=begins_at,
            candles=series,
            liquidity=liquidity,
            growth0=growth0,
            growth1=growth1,
            volume_usd=volume_usd,
        )

    def _next_level(self) -> float:
        if self._random.random() >= STAY_FRAC[self._level]:
            self._level = int(self._random.integers(len(LEVELS)))
        return LEVELS[self._level]


def midnight(year: int) -> datetime:
    """The first moment of a year, UTC."""
    return datetime(year, 1, 1, tzinfo=UTC)


def _snapshot(day: _Day, row: int, at: datetime, volume_24h_usd: float) -> MarketSnapshot:
    seen = PoolAt(
        pool=POOL,
        price=float(day.candles.close[row]),
        liquidity=int(day.liquidity[row]),
        growth0_x128=int(day.growth0[row] * Q128),
        growth1_x128=int(day.growth1[row] * Q128),
        tvl_usd=ACTIVE_USD * TVL_PER_ACTIVE,
        volume_24h_usd=volume_24h_usd,
    )
    return snapshot_at(at, (seen,))
