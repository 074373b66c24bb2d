"""Prepared minutes from what is known of a pool: its swaps, the growth of its fees, or a data service's figures.

Exact integers become floats here, once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from alm_core.model.candles import MINUTE_MS, FloatArray, IntArray
from alm_core.model.errors import InvalidInput
from alm_core.model.market import PoolMarket, PoolState
from alm_core.model.pools import AssetClass, Pool
from alm_core.portfolio.flows import interval_flow
from alm_core.simulation.minute_ticks import grid_of, prices_at_ticks, ticks_at_prices
from alm_core.simulation.minutes import MinuteMarket

PIPS = 1_000_000
MINUTES_PER_DAY = 1440


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SwapMinutes:
    """What was swapped in a pool, minute by minute; minutes without a swap may be missing.

    Parameters
    ----------
    ts_ms : shape (m,)
        Opening of each minute, strictly ascending multiples of a minute.
    open_tick
        Tick at the opening of the first minute.
    close_tick : shape (m,)
        Tick at the close of each minute.
    in_amount0, in_amount1
        Raw amounts swapped into the pool in each minute, fee included.
    liquidity
        Active liquidity at the close of each minute, raw.
    """

    ts_ms: IntArray
    open_tick: int
    close_tick: IntArray
    in_amount0: Sequence[int]
    in_amount1: Sequence[int]
    liquidity: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TvlConcentration:
    r"""How many times its value in full-range liquidity the capital of a pool is at the price, and how sure that is.

    Parameters
    ----------
    times
        Central estimate.
    error_frac
        The truth is taken to lie between ``times / (1 + error_frac)`` and ``times * (1 + error_frac)``.

    Notes
    -----
    A data service tells a pool's capital, not where it lies. Capital in a range of :math:`\pm w` has the concentration
    :math:`2/(2 - \sqrt{1-w} - 1/\sqrt{1+w}) \approx 2/w`. Capital that is out of range counts in the capital and not in
    the liquidity, so the figure may fall below that of every position.
    """

    times: float
    error_frac: float


TVL_CONCENTRATIONS: dict[AssetClass, TvlConcentration] = {
    "volatile": TvlConcentration(times=10.0, error_frac=4.0),
    "stable": TvlConcentration(times=300.0, error_frac=9.0),
}
"""Volatile: 2 to 50, capital at about +-4 % to all of the price; the recorded distribution of liquidity of the
WBTC/WETH 0.3 % pool has 2.4 to 13.4 at every price between 12 and 19.5, where its capital lies. Stable: 30 to 3,000,
+-0.07 % to +-7 %, by the formula alone: no distribution of such a pool was at hand."""


def minutes_from_swaps(
    pool: Pool,
    swaps: SwapMinutes,
    minutes: int,
    *,
    own_liquidity: Sequence[int] | None = None,
    protocol_fee_frac: tuple[float, float] = (0.0, 0.0),
) -> MinuteMarket:
    r"""Return exact minutes: each minute's fees are its swapped amounts times the fee, shared by liquidity.

    Parameters
    ----------
    pool
        The pool, with its fee.
    swaps
        What was swapped. A missing minute keeps tick and liquidity of the one before and has no fees.
    minutes
        How many minutes from the first one on.
    own_liquidity
        Part of ``swaps.liquidity`` that was ours: it is taken out, since the simulated position stands in for it.
    protocol_fee_frac
        Part of the fee on token0 and token1 that does not go to liquidity.

    Raises
    ------
    InvalidInput
        If columns differ in length or minutes are not in order.

    Notes
    -----
    A position with liquidity :math:`L` earns :math:`\phi\,a\,L / (L_{others} + L)` of the amount :math:`a` swapped in.
    """
    rows = _minute_rows(swaps, minutes)
    fee = _fee_frac(pool)
    fees0 = _floats(swaps.in_amount0, pool.token0.decimals) * (fee * (1.0 - protocol_fee_frac[0]))
    fees1 = _floats(swaps.in_amount1, pool.token1.decimals) * (fee * (1.0 - protocol_fee_frac[1]))
    own = own_liquidity or [0] * len(swaps.liquidity)
    others = [held - ours for held, ours in zip(swaps.liquidity, own, strict=True)]
    liquidity = _floats(others, (pool.token0.decimals + pool.token1.decimals) / 2.0)
    swapped = swaps.ts_ms[rows] == int(swaps.ts_ms[0]) + MINUTE_MS * np.arange(minutes, dtype=np.int64)
    grid = grid_of(pool)
    tick = np.concatenate([[swaps.open_tick], swaps.close_tick[rows]]).astype(np.int64)
    base, quote = (fees0, fees1) if pool.base_is_token0 else (fees1, fees0)
    return MinuteMarket(
        start_ms=int(swaps.ts_ms[0]),
        tick=tick,
        root=np.sqrt(prices_at_ticks(tick, grid)),
        fee_base=np.where(swapped, base[rows], 0.0),
        fee_quote=np.where(swapped, quote[rows], 0.0),
        liquidity=liquidity[rows],
        grid=grid,
        source="exact",
    )


def minutes_from_readings(
    pool: Pool,
    readings: Sequence[PoolState],
    start_ms: int,
    price: FloatArray,
    *,
    own_liquidity: Sequence[int] | None = None,
) -> MinuteMarket:
    """Return minutes whose fees are known from the growth of a pool's fees between readings, evenly in between.

    Parameters
    ----------
    pool, readings
        The pool and what was read of it, in order of blocks; they enclose all minutes.
    start_ms
        Opening of the first minute.
    price : shape (n + 1,)
        Quote per base at the opening of the first minute, then at the close of each.
    own_liquidity
        Our active liquidity at each reading, which is part of the pool's; none by default.

    Raises
    ------
    InvalidInput
        If there are fewer than two readings, they are not in order, or leave minutes outside.
    """
    at_ms = np.array([one.block.block_at.timestamp() * 1000.0 for one in readings])
    edges = start_ms + MINUTE_MS * np.arange(price.shape[0], dtype=np.float64)
    if len(readings) < 2 or edges[0] < at_ms[0] or edges[-1] > at_ms[-1]:
        raise InvalidInput(f"{len(readings)} readings of {pool.pool_id} do not enclose {price.shape[0] - 1} minutes")
    own = own_liquidity or [0] * len(readings)
    fees0, fees1, liquidity = [0], [0], [0.0]
    scale = 10.0 ** ((pool.token0.decimals + pool.token1.decimals) / 2.0)
    for (before, ours), (after, ours_after) in pairwise(zip(readings, own, strict=True)):
        flow = interval_flow(before, after)
        if flow is None:
            raise InvalidInput(f"pool {pool.pool_id} of {pool.family} keeps no fee growth: nothing tells its fees")
        fees0.append(fees0[-1] + flow.fees0)
        fees1.append(fees1[-1] + flow.fees1)
        others = (before.liquidity + after.liquidity - ours - ours_after) / 2 / scale
        liquidity.append(liquidity[-1] + others * flow.seconds * 1000.0)
    known = [_floats(fees0, pool.token0.decimals), _floats(fees1, pool.token1.decimals), np.array(liquidity)]
    base, quote, held = (np.diff(np.interp(edges, at_ms, column)) for column in known)
    if not pool.base_is_token0:
        base, quote = quote, base
    return _market_at(pool, start_ms, price, base, quote, held / MINUTE_MS, "fee growth", 0.0)


def minutes_from_figures(
    pool: Pool,
    figures: Sequence[PoolMarket],
    start_ms: int,
    price: FloatArray,
    concentration: TvlConcentration,
) -> MinuteMarket:
    """Return minutes estimated from a data service's volume of 24 h and capital, evenly over the day.

    Parameters
    ----------
    pool
        The pool; its fee comes from the chain.
    figures
        Oldest first. A minute has the latest figures known at its opening, the first minutes the first ones.
    start_ms, price
        As :func:`minutes_from_readings`.
    concentration
        What is assumed of where the capital lies, and how wrong it may be: the error that results carry.

    Raises
    ------
    InvalidInput
        If there are no figures, or one of volume, capital and USD per quote is unknown.
    """
    if not figures:
        raise InvalidInput(f"no market figures of pool {pool.pool_id}")
    known = [_figures_in_quote(one) for one in figures]
    at_ms = np.array([(one.as_of_at or one.fetched_at).timestamp() * 1000.0 for one in figures])
    opens = start_ms + MINUTE_MS * np.arange(price.shape[0] - 1, dtype=np.float64)
    row = np.maximum(np.searchsorted(at_ms, opens, side="right") - 1, 0)
    volume, capital = (np.array(column)[row] for column in zip(*known, strict=True))
    fees = volume * _fee_frac(pool) / MINUTES_PER_DAY
    liquidity = concentration.times * capital / (2.0 * np.sqrt(price[:-1]))
    base = fees / 2.0 / price[:-1]
    return _market_at(pool, start_ms, price, base, fees / 2.0, liquidity, "aggregate", concentration.error_frac)


def _market_at(
    pool: Pool,
    start_ms: int,
    price: FloatArray,
    base: FloatArray,
    quote: FloatArray,
    liquidity: FloatArray,
    source: str,
    error_frac: float,
) -> MinuteMarket:
    grid = grid_of(pool)
    usable = np.where(np.isfinite(price) & (price > 0.0), price, grid.scale)
    return MinuteMarket(
        start_ms=start_ms,
        tick=ticks_at_prices(usable, grid),
        root=np.sqrt(np.where(price > 0.0, price, 0.0)),
        fee_base=base,
        fee_quote=quote,
        liquidity=liquidity,
        grid=grid,
        source=source,
        fee_error_frac=error_frac,
    )


def _figures_in_quote(figures: PoolMarket) -> tuple[float, float]:
    volume, capital, quote_usd = figures.volume_24h_usd, figures.tvl_usd, figures.quote_usd
    if volume is None or capital is None or quote_usd is None or not quote_usd > 0.0:
        raise InvalidInput(
            f"{figures.source} of pool {figures.pool_id} at {figures.fetched_at.isoformat()}: volume {volume}, "
            f"capital {capital} and USD per quote {quote_usd} must all be known"
        )
    return volume / quote_usd, capital / quote_usd


def _minute_rows(swaps: SwapMinutes, minutes: int) -> IntArray:
    """Return for every minute the row of the last one that had a swap."""
    count = swaps.ts_ms.shape[0]
    lengths = [len(column) for column in (swaps.close_tick, swaps.in_amount0, swaps.in_amount1, swaps.liquidity)]
    if count == 0 or minutes < 1 or lengths != [count] * 4:
        raise InvalidInput(f"{count} minutes of swaps, {minutes} wanted, columns of {lengths}")
    if np.any(np.diff(swaps.ts_ms) <= 0) or np.any(swaps.ts_ms % MINUTE_MS):
        raise InvalidInput("minutes of swaps are not ascending multiples of a minute")
    wanted = int(swaps.ts_ms[0]) + MINUTE_MS * np.arange(minutes, dtype=np.int64)
    return np.searchsorted(swaps.ts_ms, wanted, side="right").astype(np.int64) - 1


def _floats(raw: Sequence[int], decimals: float) -> FloatArray:
    return np.array([float(amount) for amount in raw]) / 10.0**decimals


def _fee_frac(pool: Pool) -> float:
    if pool.fee_pips is None:
        raise InvalidInput(f"pool {pool.pool_id} of {pool.family} sets its fee itself: its history cannot be simulated")
    return pool.fee_pips / PIPS
