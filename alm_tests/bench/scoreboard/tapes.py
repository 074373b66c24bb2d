"""Tapes the scoreboard runs on: minutes of a price, and what a pool at that price paid to its liquidity."""

import csv
import gzip
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from alm_core.model.candles import MINUTE_MS, CandleSeries, FloatArray, IntArray
from alm_localnet.market.tape import TapePath, tape_file

POLYGON = "polygon_usdc_weth_005"
BTC_FILE = "btc_perp_1m_2021-12-31_2022-02-01.csv.gz"
MINUTES_PER_YEAR = 525_960
ACTIVE_USD = 40e6
"""Full-range value of the active liquidity of generated pools, about that of the recorded one."""
SEEDED_DAYS = 34
SEEDED = 20
FEE_MULTIPLES = (1.0, 1.5)
"""Fees of generated pools, as multiples of what their liquidity loses to arbitrage over the whole tape."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreTape:
    """A price and a pool, by minute.

    Parameters
    ----------
    candles
        Minutes without a hole.
    fees_base, fees_quote : shape (n,)
        Fees to liquidity in each minute, in tokens.
    active_usd : shape (n,)
        Full-range value of the active liquidity of others, in quote.
    recorded
        Whether fees and liquidity are a real pool's; otherwise they are made and ``note`` says how.
    """

    name: str
    candles: CandleSeries
    fees_base: FloatArray
    fees_quote: FloatArray
    active_usd: FloatArray
    recorded: bool
    note: str


def tapes(folder: Path) -> Iterator[ScoreTape]:
    """Every tape: those recorded in ``folder`` where it has them, and the seeded ones."""
    if tape_file(POLYGON, folder).is_file():
        yield polygon(folder)
    if (folder / BTC_FILE).is_file():
        yield btc(folder)
    for seed in range(SEEDED):
        yield seeded(seed)


def polygon(folder: Path) -> ScoreTape:
    """The recorded Uniswap V3 pool USDC/WETH 0.05 % on Polygon: price, fees and liquidity as they were."""
    first = int(datetime(2022, 7, 19, tzinfo=UTC).timestamp()) // 60
    path = TapePath(tape_file(POLYGON, folder), first)
    bars = path.bars(path.first_minute, path.last_minute)
    flow = path.flow
    # Liquidity in raw units of USDC (6) and WETH (18), so that 2 L sqrt(P) is raw token1, valued at the price.
    root = 1.0001 ** (flow.close_tick / 2)
    return ScoreTape(
        name="Polygon USDC/WETH 0.05 % (recorded)",
        candles=_series(bars.minute * MINUTE_MS, bars.open, bars.high, bars.low, bars.close, bars.volume),
        fees_base=flow.in_weth * 5e-4 / 1e18,
        fees_quote=flow.in_usdc * 5e-4 / 1e6,
        active_usd=2.0 * flow.liquidity * root / 1e18 * bars.close,
        recorded=True,
        note="35 days from 2022-07-19; swaps and liquidity of the pool itself",
    )


def btc(folder: Path) -> ScoreTape:
    """Recorded BTC perpetual minutes; the pool is made: its fees follow the volume and are fair over the tape."""
    with gzip.open(folder / BTC_FILE, "rt") as file:
        rows = list(csv.DictReader(file))
    stamps = [datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC) for row in rows]
    ts_ms = np.array([int(at.timestamp() * 1000) for at in stamps], dtype=np.int64)
    names = ("open", "high", "low", "close", "volume")
    columns = {name: np.array([float(row[name]) for row in rows]) for name in names}
    series = _filled(ts_ms, columns)
    return _fair("BTC perpetual (recorded price, made pool)", series, FEE_MULTIPLES[0], recorded=False)


def seeded(seed: int) -> ScoreTape:
    """A generated tape: volatility in regimes, fat tails, now and then a trend; fees are fair or half as much more."""
    random = np.random.default_rng(1_000 + seed)
    count = SEEDED_DAYS * 1440
    sigma = _regimes(random, count)
    drift = np.repeat(random.normal(0.0, 1.0, SEEDED_DAYS), 1440) * (seed % 4 == 3)
    steps = sigma * random.standard_t(5, count) / math.sqrt(5 / 3) / math.sqrt(MINUTES_PER_YEAR)
    close = 2_000.0 * np.exp(np.cumsum(steps + drift / MINUTES_PER_YEAR))
    opened = np.concatenate([[2_000.0], close[:-1]])
    spread = sigma / math.sqrt(MINUTES_PER_YEAR) / 2
    high = np.maximum(opened, close) * np.exp(np.abs(random.normal(0.0, 1.0, count)) * spread)
    low = np.minimum(opened, close) * np.exp(-np.abs(random.normal(0.0, 1.0, count)) * spread)
    volume = sigma**2 * random.gamma(2.0, 0.5, count)
    start_ms = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
    series = _series(start_ms + MINUTE_MS * np.arange(count, dtype=np.int64), opened, high, low, close, volume)
    multiple = FEE_MULTIPLES[seed % len(FEE_MULTIPLES)]
    return _fair(f"seeded {seed:02d}, fees {multiple:g} x LVR", series, multiple, recorded=False)


def _regimes(random: np.random.Generator, count: int) -> FloatArray:
    """Annual volatility by minute: hours stay calm, normal or stormy for a while."""
    levels, stay = np.array([0.35, 0.6, 1.1]), np.array([0.97, 0.95, 0.85])
    states = [1]
    for _ in range(count // 60):
        states.append(states[-1] if random.random() < stay[states[-1]] else int(random.integers(3)))
    return np.repeat(levels[np.array(states)], 60)[:count]


def _fair(name: str, series: CandleSeries, multiple: float, *, recorded: bool) -> ScoreTape:
    """A pool of constant depth whose fees follow the volume and sum up to a multiple of its LVR on this tape."""
    returns = np.diff(np.log(series.close), prepend=math.log(float(series.open[0])))
    lost = float(np.sum(returns**2)) / 8.0 * ACTIVE_USD
    fees = series.volume / float(series.volume.sum()) * lost * multiple
    return ScoreTape(
        name=name,
        candles=series,
        fees_base=fees / 2.0 / series.close,
        fees_quote=fees / 2.0,
        active_usd=np.full(len(series), ACTIVE_USD),
        recorded=recorded,
        note=f"depth {ACTIVE_USD / 1e6:.0f} M USD, fees in proportion to volume, {multiple:g} x the LVR of the tape",
    )


def _filled(ts_ms: IntArray, columns: dict[str, FloatArray]) -> CandleSeries:
    """Minutes without a hole: an absent one stands still at the close before it, without volume."""
    minute = np.arange(int(ts_ms[0]), int(ts_ms[-1]) + MINUTE_MS, MINUTE_MS, dtype=np.int64)
    row = np.searchsorted(ts_ms, minute, side="right") - 1
    there = ts_ms[row] == minute
    close = columns["close"][row]
    prices = [np.where(there, columns[name][row], close) for name in ("open", "high", "low")]
    return _series(minute, *prices, close, np.where(there, columns["volume"][row], 0.0))


def _series(
    ts_ms: IntArray, opened: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray
) -> CandleSeries:
    return CandleSeries(
        ts_ms=ts_ms,
        open=opened,
        high=np.maximum.reduce([high, opened, close]),
        low=np.minimum.reduce([low, opened, close]),
        close=close,
        volume=volume,
        filled=np.zeros(ts_ms.size, dtype=np.bool_),
    )
