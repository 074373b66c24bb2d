"""Minute candles as columns."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from alm_core.model.errors import InvalidInput

MINUTE_MS = 60_000

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CandleSeries:
    """Candles of equal length, ascending by open time.

    Parameters
    ----------
    ts_ms : shape (n,)
        Open time, milliseconds UTC, strictly ascending.
    open, high, low, close : shape (n,)
        Quote per base.
    volume : shape (n,)
        Base units.
    filled : shape (n,)
        True where no trade was reported and the minute was filled from the previous close.

    Raises
    ------
    InvalidInput
        If columns differ in length, time is not strictly ascending, a price is not finite and positive, a volume is
        negative or not finite, or high/low do not enclose open and close. The message names the first bad row.
    """

    ts_ms: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    filled: BoolArray

    def __post_init__(self) -> None:
        columns = (self.open, self.high, self.low, self.close, self.volume, self.filled)
        if any(column.shape != self.ts_ms.shape for column in columns) or self.ts_ms.ndim != 1:
            raise InvalidInput(f"candle columns differ in length: {[c.shape for c in (self.ts_ms, *columns)]}")
        _refuse_first("open time not after the one before", self.ts_ms, np.diff(self.ts_ms, prepend=-1) <= 0)
        for name in ("open", "high", "low", "close"):
            price: FloatArray = getattr(self, name)
            _refuse_first(f"{name} not a positive finite price", self.ts_ms, ~(np.isfinite(price) & (price > 0)))
        _refuse_first("volume negative or not finite", self.ts_ms, ~(np.isfinite(self.volume) & (self.volume >= 0)))
        outside = (self.high < np.maximum(self.open, self.close)) | (self.low > np.minimum(self.open, self.close))
        _refuse_first("high/low do not enclose open and close", self.ts_ms, outside)

    def __len__(self) -> int:
        return int(self.ts_ms.shape[0])

    def between(self, start_at: datetime, end_at: datetime) -> "CandleSeries":
        """Return the candles that open in ``[start_at, end_at)``."""
        start, end = (int(moment.timestamp() * 1000) for moment in (start_at, end_at))
        left, right = np.searchsorted(self.ts_ms, [start, end])
        return self.rows(slice(int(left), int(right)))

    def before(self, end_at: datetime) -> "CandleSeries":
        """Return the candles that open before ``end_at``."""
        return self.rows(slice(0, int(np.searchsorted(self.ts_ms, int(end_at.timestamp() * 1000)))))

    def rows(self, selection: slice) -> "CandleSeries":
        """Return a contiguous selection of rows; arrays are views."""
        return CandleSeries(
            ts_ms=self.ts_ms[selection],
            open=self.open[selection],
            high=self.high[selection],
            low=self.low[selection],
            close=self.close[selection],
            volume=self.volume[selection],
            filled=self.filled[selection],
        )

    @staticmethod
    def empty() -> "CandleSeries":
        """Return a series without rows."""
        nothing = np.empty(0, dtype=np.float64)
        return CandleSeries(
            ts_ms=np.empty(0, dtype=np.int64),
            open=nothing,
            high=nothing,
            low=nothing,
            close=nothing,
            volume=nothing,
            filled=np.empty(0, dtype=np.bool_),
        )


def _refuse_first(what: str, ts_ms: IntArray, bad: BoolArray) -> None:
    if bad.any():
        row = int(np.argmax(bad))
        opened = datetime.fromtimestamp(int(ts_ms[row]) / 1000, tz=UTC)
        raise InvalidInput(f"candle row {row} at {opened.isoformat()}: {what}")
