"""The recorded minutes of a real pool: Polygon USDC/WETH 0.05 %, 35 days of 2022, from the demeter samples."""

import os
from pathlib import Path

import numpy as np
import polars as pl

from alm_core.model.candles import MINUTE_MS, CandleSeries, FloatArray
from alm_core.model.errors import InvalidInput
from alm_core.model.pools import Pool, Token
from alm_core.simulation.minute_rules import MinuteCosts
from alm_core.simulation.minute_run import Start
from alm_core.simulation.minute_sources import SwapMinutes
from alm_core.simulation.minute_ticks import grid_of, prices_at_ticks

FOLDER = Path(os.environ.get("ALM_REFERENCE_DATA", Path(__file__).parents[4] / "shared" / "data"))
RECORDED = FOLDER / "polygon_usdc_weth_005_pool_minutes_2022-07-19_2022-08-22.parquet"
DAYS = 35

START = Start(capital=10_000.0, base_frac=0.0)
"""10,000 USDC."""
COSTS = MinuteCosts(swap_fee_frac=5e-4, impact=0.0)
"""The pool's fee; the simulator compared with knows neither impact nor gas."""


def _token(address: str, symbol: str, decimals: int) -> Token:
    kind = "stable" if symbol == "USDC" else "volatile"
    return Token(chain_id=137, address=address, symbol=symbol, decimals=decimals, asset_class=kind, issuer="")


POOL = Pool(
    chain_id=137,
    address="0x45dda9cb7c25131df268515131f647d726f50608",
    dex="uni-v3",
    family="uniswap_v3",
    factory="0x1F98431c8aD98523631AE4a59f267346ea31F984",
    position_manager="0xC36442b4a4522E871399CD717aBDD847Ab11FE88",
    token0=_token("0x2791Bca1f2de4661ED88A30C99A7a9449Aa84174", "USDC", 6),
    token1=_token("0x7ceB23fD6bC0adD59E62ac25578270cFf1b9f619", "WETH", 18),
    fee_pips=500,
    tick_spacing=10,
    base_is_token0=False,
)


def recorded_frame() -> pl.DataFrame:
    """The file as it is: all columns are text.

    Raises
    ------
    InvalidInput
        If the file is not there; names it.
    """
    if not RECORDED.exists():
        raise InvalidInput(f"no recorded minutes at {RECORDED}; point ALM_REFERENCE_DATA to the folder that holds them")
    return pl.read_parquet(RECORDED)


def recorded_swaps() -> SwapMinutes:
    """What was swapped, with the few minutes missing that had no swap."""
    frame = recorded_frame()

    def integers(name: str) -> list[int]:
        return [int(text) for text in frame[name].to_list()]

    opened = frame["timestamp"].str.to_datetime(time_unit="ms").cast(pl.Int64)
    return SwapMinutes(
        ts_ms=opened.to_numpy(),
        open_tick=integers("openTick")[0],
        close_tick=np.array(integers("closeTick"), dtype=np.int64),
        in_amount0=integers("inAmount0"),
        in_amount1=integers("inAmount1"),
        liquidity=integers("currentLiquidity"),
    )


def recorded_candles(days: int) -> CandleSeries:
    """The pool's own price by the minute; a minute without a swap is filled with the close before it."""
    frame = recorded_frame()
    opened = frame["timestamp"].str.to_datetime(time_unit="ms").cast(pl.Int64).to_numpy()
    minutes = opened[0] + MINUTE_MS * np.arange(days * 1440, dtype=np.int64)
    rows = np.searchsorted(opened, minutes, side="right") - 1
    filled = opened[rows] != minutes

    def price(name: str) -> FloatArray:
        ticks = frame[name].cast(pl.Int64).to_numpy()[rows]
        return prices_at_ticks(ticks, grid_of(POOL))

    close = price("closeTick")
    # Highest tick is lowest price: USDC is token0.
    columns = {"open": price("openTick"), "high": price("lowestTick"), "low": price("highestTick")}
    columns = {name: np.where(filled, close, values) for name, values in columns.items()}
    ends = np.stack([columns["open"], close])
    columns["high"] = np.maximum(columns["high"], ends.max(axis=0))
    columns["low"] = np.minimum(columns["low"], ends.min(axis=0))
    return CandleSeries(ts_ms=minutes, close=close, volume=np.zeros(len(minutes)), filled=filled, **columns)
