"""Seeded minute candles for tests."""

from datetime import UTC, datetime

import numpy as np

from alm_core.model.candles import MINUTE_MS, CandleSeries

END_AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


def walk(
    days: float = 30, *, sigma_minute: float = 6e-4, price: float = 2500.0, seed: int = 1, end_at: datetime = END_AT
) -> CandleSeries:
    """Geometric Brownian minutes that end right before ``end_at``."""
    count = int(days * 1440)
    random = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(random.normal(0.0, sigma_minute, count)))
    opened = np.concatenate([[price], close[:-1]])
    up, down = np.abs(random.normal(0.0, sigma_minute / 2, (2, count)))
    end_ms = int(end_at.timestamp() * 1000)
    return CandleSeries(
        ts_ms=end_ms - MINUTE_MS * np.arange(count, 0, -1, dtype=np.int64),
        open=opened,
        high=np.maximum(opened, close) * np.exp(up),
        low=np.minimum(opened, close) * np.exp(-down),
        close=close,
        volume=random.random(count),
        filled=np.zeros(count, dtype=np.bool_),
    )


def flat(days: float = 2, *, price: float = 1.0, end_at: datetime = END_AT) -> CandleSeries:
    """Minutes in which nothing ever moves."""
    count = int(days * 1440)
    same = np.full(count, price)
    end_ms = int(end_at.timestamp() * 1000)
    return CandleSeries(
        ts_ms=end_ms - MINUTE_MS * np.arange(count, 0, -1, dtype=np.int64),
        open=same,
        high=same,
        low=same,
        close=same,
        volume=np.zeros(count),
        filled=np.ones(count, dtype=np.bool_),
    )
