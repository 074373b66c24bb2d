"""Seeded markets of several venues, and the ways a venue can be wrong."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from alm_core.candles import VenueSeries
from alm_core.model.candles import EXCHANGES, MINUTE_MS, BoolArray, CandleSeries, FloatArray

PRICES = ("open", "high", "low", "close")
WEIGHTS = (0.35, 0.2, 0.15, 0.12, 0.1, 0.08)
Row = tuple[float, float, float, float, float]


def candles(rows: dict[int, Row], filled: Sequence[int] = ()) -> CandleSeries:
    """Open, high, low, close and volume by minute since 1970."""
    minutes = sorted(rows)
    values = np.array([rows[minute] for minute in minutes], dtype=np.float64).reshape(-1, 5)
    return CandleSeries(
        ts_ms=np.array(minutes, dtype=np.int64) * MINUTE_MS,
        open=values[:, 0],
        high=values[:, 1],
        low=values[:, 2],
        close=values[:, 3],
        volume=values[:, 4],
        filled=np.isin(minutes, filled),
    )


def flat(price: float, volume: float = 1.0) -> Row:
    return price, price, price, price, volume


def venue(name: str, rows: dict[int, Row], weight: float = 1.0, filled: Sequence[int] = ()) -> VenueSeries:
    return VenueSeries(venue=name, weight=weight, series=candles(rows, filled))


def at_prices(series: CandleSeries, prices: dict[str, FloatArray]) -> CandleSeries:
    """The series with other prices; high and low widened where they do not enclose the rest."""
    columns: dict[str, FloatArray] = {name: getattr(series, name) for name in PRICES} | prices
    columns["high"] = np.maximum.reduce([columns["high"], columns["open"], columns["close"]])
    columns["low"] = np.minimum.reduce([columns["low"], columns["open"], columns["close"]])
    return replace(series, **columns)


def scaled(series: CandleSeries, factor: "float | FloatArray") -> CandleSeries:
    return at_prices(series, {name: getattr(series, name) * factor for name in PRICES})


def noisy(truth: CandleSeries, seed: int, bps: float = 1.0) -> CandleSeries:
    """Every price of the truth, up to ``bps`` off."""
    random = np.random.default_rng(seed)
    off = {name: 1 + random.uniform(-bps, bps, len(truth)) * 1e-4 for name in PRICES}
    return at_prices(truth, {name: getattr(truth, name) * off[name] for name in PRICES})


def honest(truth: CandleSeries, weights: Sequence[float] = WEIGHTS) -> list[VenueSeries]:
    """Venues in the order of ``EXCHANGES`` that see the truth with noise of 1 bp."""
    return [
        VenueSeries(venue=name, weight=weight, series=noisy(truth, seed))
        for seed, (name, weight) in enumerate(zip(EXCHANGES, weights, strict=False))
    ]


def frozen(series: CandleSeries, first: int, after: int) -> CandleSeries:
    """The close before ``first`` repeated until ``after``."""
    still = {name: getattr(series, name).copy() for name in PRICES}
    for column in still.values():
        column[first:after] = series.close[first - 1]
    return at_prices(series, still)


def without(series: CandleSeries, missing: BoolArray) -> CandleSeries:
    return series.rows(np.flatnonzero(~missing))


def replaced(venues: Sequence[VenueSeries], **series: CandleSeries) -> list[VenueSeries]:
    """The venues, some with another series."""
    return [replace(each, series=series.get(each.venue, each.series)) for each in venues]
