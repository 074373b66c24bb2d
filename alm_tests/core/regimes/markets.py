"""Minutes with one thing wrong with them, and figures by name."""

from dataclasses import replace
from datetime import timedelta

import numpy as np

from alm_core.model.candles import MINUTE_MS, CandleSeries
from alm_core.model.epochs import Epoch
from alm_core.model.market import MarketSnapshot
from alm_core.model.pools import AssetClass
from alm_core.regimes.measures import RegimeFigures, regime_figures
from alm_tests.core.forces.tapes import END_AT
from alm_tests.core.portfolio.scene import Scene

EPOCH = Epoch(pair="WETH-USDC", epoch_at=END_AT)
QUARTER = timedelta(minutes=15)


def later(epochs: int) -> Epoch:
    return Epoch(pair=EPOCH.pair, epoch_at=EPOCH.epoch_at + epochs * QUARTER)


def market(
    *,
    minutes: int = 3 * 1_440,
    price: float = 2_000.0,
    half_range_frac: float = 5e-4,
    last_hour_range: float = 1.0,
    last_close: float = 1.0,
    last_volume: float = 1.0,
) -> CandleSeries:
    """Minutes that go nowhere, each with the same range and volume; the end is multiplied by what a test asks for.

    ``last_hour_range`` multiplies the ranges of the last 60 minutes, ``last_close`` the prices of the last 15 and
    ``last_volume`` their volume.
    """
    half = np.full(minutes, half_range_frac)
    half[-60:] *= last_hour_range
    level = np.full(minutes, price)
    level[-15:] *= last_close
    volume = np.full(minutes, 10.0)
    volume[-15:] *= last_volume
    return CandleSeries(
        ts_ms=int(END_AT.timestamp()) * 1000 - MINUTE_MS * np.arange(minutes, 0, -1, dtype=np.int64),
        open=level,
        high=level * (1 + half),
        low=level * (1 - half),
        close=level,
        volume=volume,
        filled=np.zeros(minutes, dtype=np.bool_),
    )


def filled_from_end(series: CandleSeries, minutes: int) -> CandleSeries:
    """The series with its last minutes filled: nobody traded, or nobody told."""
    filled = series.filled.copy()
    filled[len(filled) - minutes :] = True
    return replace(series, filled=filled)


def without(series: CandleSeries, first: int, last: int) -> CandleSeries:
    """The series without the minutes from ``first`` to ``last`` minutes before its end."""
    keep = np.ones(len(series), dtype=np.bool_)
    keep[len(series) - first : len(series) - last] = False
    return series.rows(np.flatnonzero(keep))


def figures(
    series: CandleSeries,
    *,
    quote_usd: float | None = 1.0,
    past: tuple[MarketSnapshot, ...] = (),
    asset_class: AssetClass = "volatile",
) -> RegimeFigures:
    return regime_figures(EPOCH, series, replace(Scene().snapshot(), quote_usd=quote_usd), past, asset_class)


def reading(epochs_ago: int, quote_usd: float | None) -> MarketSnapshot:
    """A snapshot of an earlier epoch with USD per quote token."""
    return replace(Scene().snapshot(END_AT - epochs_ago * QUARTER), quote_usd=quote_usd)
