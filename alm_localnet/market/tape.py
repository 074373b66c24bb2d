"""A recorded pool as a price path: real minutes, re-timed so that the recording plays now."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alm_core.model.errors import ConfigError, InvalidInput
from alm_localnet.market.bars import Bars, BoolArray, FloatArray, IntArray

TAPES = {"polygon_usdc_weth_005": "polygon_usdc_weth_005_pool_minutes_2022-07-19_2022-08-22.parquet"}
_RAW_PRICE = 1e12
"""Token0 has 6 decimals and token1 18, so USDC per WETH is 1e12 / 1.0001^tick."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TapeFlow:
    """What was traded in each minute, raw units, with the ticks it moved between and the liquidity it met."""

    in_usdc: FloatArray
    in_weth: FloatArray
    lowest_tick: FloatArray
    highest_tick: FloatArray
    close_tick: FloatArray
    liquidity: FloatArray


class TapePath:
    """Minutes of a recorded USDC/WETH pool (token0 USDC).

    Parameters
    ----------
    file
        Parquet file of one-minute rows, all columns strings.
    first_minute
        Minute (since the Unix epoch) at which the first recorded minute plays.

    Raises
    ------
    ConfigError
        If the file is missing or not such a tape.
    """

    recorded = True

    def __init__(self, file: Path, first_minute: int) -> None:
        if not file.is_file():
            raise ConfigError(f"tape: {file} does not exist; point ALM_REFERENCE_DATA to the folder that holds it")
        self.first_minute = first_minute
        self._bars, self.flow = _read(file, first_minute)

    @property
    def last_minute(self) -> int:
        """First minute that is not on the tape any more."""
        return self.first_minute + len(self._bars.minute)

    def bars(self, first: int, last: int) -> Bars:
        """Return minutes ``first <= minute < last``.

        Raises
        ------
        InvalidInput
            If the tape does not cover them: it begins after ``first`` or has ended before ``last``.
        """
        if first < self.first_minute or last > self.last_minute:
            raise InvalidInput(
                f"tape: minutes {first}..{last} asked, it covers {self.first_minute}..{self.last_minute}; "
                "a demo on this tape may last about four days"
            )
        return self._bars.rows(first, last)

    def flow_rows(self, first: int, last: int) -> TapeFlow:
        """Return the recorded flow of minutes ``first <= minute < last``."""
        chosen = slice(first - self.first_minute, last - self.first_minute)
        return TapeFlow(
            in_usdc=self.flow.in_usdc[chosen],
            in_weth=self.flow.in_weth[chosen],
            lowest_tick=self.flow.lowest_tick[chosen],
            highest_tick=self.flow.highest_tick[chosen],
            close_tick=self.flow.close_tick[chosen],
            liquidity=self.flow.liquidity[chosen],
        )


def tape_file(name: str, folder: Path) -> Path:
    """Path of a tape by name.

    Raises
    ------
    ConfigError
        If there is no tape of that name.
    """
    if name not in TAPES:
        raise ConfigError(f"tape: {name!r} is not known; known are {sorted(TAPES)}")
    return folder / TAPES[name]


def _read(file: Path, first_minute: int) -> tuple[Bars, TapeFlow]:
    import polars as pl  # slow, and only runs on a tape need it

    columns = ("openTick", "closeTick", "lowestTick", "highestTick", "inAmount0", "inAmount1", "currentLiquidity")
    try:
        table = pl.read_parquet(file).select(
            pl.col("timestamp").str.to_datetime("%Y-%m-%d %H:%M:%S").dt.epoch("s").floordiv(60).alias("minute"),
            *[pl.col(name).cast(pl.Float64) for name in columns],
        )
    except pl.exceptions.PolarsError as error:
        raise ConfigError(f"tape: {file} is not a tape of pool minutes: {error}") from error
    recorded: IntArray = table["minute"].to_numpy().astype(np.int64)
    minute = np.arange(int(recorded[0]), int(recorded[-1]) + 1, dtype=np.int64)
    row: IntArray = np.searchsorted(recorded, minute, side="right") - 1
    missing: BoolArray = recorded[row] != minute
    column: dict[str, FloatArray] = {name: table[name].to_numpy()[row] for name in columns}
    for name in ("openTick", "lowestTick", "highestTick"):
        column[name] = np.where(missing, column["closeTick"], column[name])
    for name in ("inAmount0", "inAmount1"):
        column[name] = np.where(missing, 0.0, column[name])
    return _bars(column, first_minute), TapeFlow(
        in_usdc=column["inAmount0"],
        in_weth=column["inAmount1"],
        lowest_tick=column["lowestTick"],
        highest_tick=column["highestTick"],
        close_tick=column["closeTick"],
        liquidity=column["currentLiquidity"],
    )


def _bars(column: dict[str, FloatArray], first_minute: int) -> Bars:
    price = {
        name: _RAW_PRICE / 1.0001 ** column[name] for name in ("openTick", "closeTick", "lowestTick", "highestTick")
    }
    opened = np.concatenate([price["openTick"][:1], price["closeTick"][:-1]])
    close = price["closeTick"]
    bought = column["inAmount0"] / 1e6 / close
    sold = column["inAmount1"] / 1e18
    volume = bought + sold
    count = len(close)
    return Bars(
        minute=np.arange(first_minute, first_minute + count, dtype=np.int64),
        open=opened,
        high=np.maximum.reduce([price["lowestTick"], opened, close]),
        low=np.minimum.reduce([price["highestTick"], opened, close]),
        close=close,
        volume=volume,
        activity=volume * count / max(float(volume.sum()), 1e-9),
        buys_frac=np.divide(bought, volume, out=np.full(count, 0.5), where=volume > 0),
    )
