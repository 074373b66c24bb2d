"""Prices in one quote currency from prices in another."""

from dataclasses import replace

import numpy as np

from alm_core.candles.grid import VenueSeries
from alm_core.model.candles import CandleSeries


def converted_venue(venue: VenueSeries, basis: CandleSeries, *, divide: bool) -> VenueSeries:
    """Return a venue with its minutes :func:`converted`, and as it quoted them."""
    series = converted(venue.series, basis, divide=divide)
    rows = np.flatnonzero(np.isin(venue.series.ts_ms, series.ts_ms))
    return replace(venue, series=series, quoted=venue.series.rows(rows))


def converted(series: CandleSeries, basis: CandleSeries, *, divide: bool) -> CandleSeries:
    """Return the minutes of a series at the basis close of the same minute.

    Parameters
    ----------
    series
        For example ETH in USDT.
    basis
        For example USDC in USDT (``divide``: ETH in USDC), or USDT in USDC. A filled basis minute counts: it is the
        last known price, and how old that may be is decided where the basis is filled.
    divide
        Whether prices are divided by the basis, else multiplied.

    Returns
    -------
    CandleSeries
        Minutes without a basis minute are left out. Volume is unchanged, it is in base units; so are ``filled`` and
        quality. High and low enclose open and close exactly: rounding keeps order.

    Examples
    --------
    >>> one = {name: np.array([3000.0]) for name in ("open", "high", "low", "close", "volume")}
    >>> at = {"ts_ms": np.array([60_000]), "filled": np.array([False])}
    >>> eth_usdt = CandleSeries(**one, **at)
    >>> usdc_usdt = CandleSeries(**{name: column / 2400 for name, column in one.items()}, **at)
    >>> converted(eth_usdt, usdc_usdt, divide=True).close
    array([2400.])
    """
    _, rows, basis_rows = np.intersect1d(series.ts_ms, basis.ts_ms, assume_unique=True, return_indices=True)
    kept = series.rows(rows)
    price = basis.close[basis_rows]
    factor = np.divide if divide else np.multiply
    return CandleSeries(
        ts_ms=kept.ts_ms,
        open=factor(kept.open, price),
        high=factor(kept.high, price),
        low=factor(kept.low, price),
        close=factor(kept.close, price),
        volume=kept.volume,
        filled=kept.filled,
        quality=kept.quality,
    )
