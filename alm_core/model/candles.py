"""Minute candles as columns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alm_core.model.errors import InvalidInput

MINUTE_MS = 60_000

EXCHANGES = ("binance", "bybit", "okx", "mexc", "gate", "bitget")
"""Exchanges by bit of the masks in :class:`MinuteQuality`. Stored history depends on the order: only append."""

COLUMNS = ("ts_ms", "open", "high", "low", "close", "volume", "filled")

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
SpanKey = tuple[str, int, int]
"""What is summed, over spans of how many milliseconds, counted back from which end."""


def mask_of(exchanges: Iterable[str]) -> int:
    """Return the mask of some exchanges.

    Examples
    --------
    >>> mask_of(["binance", "okx"])
    5
    """
    return sum(1 << EXCHANGES.index(name) for name in set(exchanges))


def exchanges_of(mask: int) -> tuple[str, ...]:
    """Return the exchanges of a mask.

    Examples
    --------
    >>> exchanges_of(5)
    ('binance', 'okx')
    """
    return tuple(name for bit, name in enumerate(EXCHANGES) if mask >> bit & 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MinuteQuality:
    """Where each minute of a series comes from.

    Parameters
    ----------
    used : shape (n,)
        Mask of the exchanges whose prices are in the minute; 0 where it was filled.
    vetoed : shape (n,)
        Mask of the exchanges that had the minute and were left out as outliers or frozen.
    spread_bps : shape (n,)
        Highest minus lowest close over the exchanges used, in basis points of the close; NaN where none was used.
    """

    used: IntArray
    vetoed: IntArray
    spread_bps: FloatArray

    def rows(self, selection: "slice | IntArray") -> "MinuteQuality":
        """Return a selection of rows."""
        return MinuteQuality(
            used=self.used[selection], vetoed=self.vetoed[selection], spread_bps=self.spread_bps[selection]
        )

    @staticmethod
    def unknown(count: int) -> "MinuteQuality":
        """Return rows of which nothing is known."""
        nothing = np.zeros(count, dtype=np.int64)
        return MinuteQuality(used=nothing, vetoed=nothing, spread_bps=np.full(count, np.nan))


@dataclass(frozen=True, slots=True, kw_only=True)
class NoConsensus:
    """Consecutive minutes on whose price the exchanges do not agree, and why. They are absent from the series."""

    start_at: datetime
    minutes: int
    reason: str


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
    quality
        Where the minutes come from; ``None`` where that is not known.
    spans
        Sums over spans of minutes (:func:`alm_core.regimes.measures.sums_back`) that were found at earlier epochs: a
        backtest looks at each minute a thousand times. Kept by the series of one sliding window; ``None`` elsewhere.

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
    quality: MinuteQuality | None = None
    spans: "dict[SpanKey, tuple[IntArray, FloatArray]] | None" = None

    def __post_init__(self) -> None:
        columns = (self.open, self.high, self.low, self.close, self.volume, self.filled)
        if self.quality is not None:
            columns = (*columns, self.quality.used, self.quality.vetoed, self.quality.spread_bps)
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

    @property
    def log_variance(self) -> FloatArray:
        r"""Parkinson's variance of the log return of each candle, :math:`\ln(h/l)^2 / (4 \ln 2)`, shape (n,)."""
        return (np.log(self.high) - np.log(self.low)) ** 2 / (4.0 * np.log(2.0))

    def between(self, start_at: datetime, end_at: datetime) -> "CandleSeries":
        """Return the candles that open in ``[start_at, end_at)``."""
        return self.rows(slice(self._row_at(start_at), self._row_at(end_at)))

    def before(self, end_at: datetime) -> "CandleSeries":
        """Return the candles that open before ``end_at``."""
        return self.rows(slice(0, self._row_at(end_at)))

    def rows(self, selection: "slice | IntArray") -> "CandleSeries":
        """Return a selection of rows; of a slice the arrays are views."""
        if isinstance(selection, slice) and selection.step is None:
            if selection.start == 0 and selection.stop == len(self):
                return self
            return CandleSeries.trusted(
                {name: getattr(self, name)[selection] for name in COLUMNS},
                quality=None if self.quality is None else self.quality.rows(selection),
            )
        return CandleSeries(
            ts_ms=self.ts_ms[selection],
            open=self.open[selection],
            high=self.high[selection],
            low=self.low[selection],
            close=self.close[selection],
            volume=self.volume[selection],
            filled=self.filled[selection],
            quality=None if self.quality is None else self.quality.rows(selection),
        )

    @staticmethod
    def trusted(
        columns: "Mapping[str, Any]",
        quality: "MinuteQuality | None" = None,
        spans: "dict[SpanKey, tuple[IntArray, FloatArray]] | None" = None,
    ) -> "CandleSeries":
        """Return a series of columns by name that were checked before, as those of a part of a series were."""
        made = object.__new__(CandleSeries)
        for name in COLUMNS:
            object.__setattr__(made, name, columns[name])
        object.__setattr__(made, "quality", quality)
        object.__setattr__(made, "spans", spans)
        return made

    def _row_at(self, at: datetime) -> int:
        """Row of the first candle that opens at a moment or later."""
        return int(self.ts_ms.searchsorted(int(at.timestamp() * 1000)))

    @staticmethod
    def joined(parts: "Sequence[CandleSeries]") -> "CandleSeries":
        """Join series by time; where a minute is in several, the first one has it."""
        parts = [part for part in parts if len(part)]
        if not parts:
            return CandleSeries.empty()
        _, rows = np.unique(np.concatenate([part.ts_ms for part in parts]), return_index=True)
        qualities = [part.quality or MinuteQuality.unknown(len(part)) for part in parts]

        def column(name: str, source: Sequence[object]) -> Any:
            return np.concatenate([getattr(part, name) for part in source])[rows]

        known = any(part.quality is not None for part in parts)
        quality = {name: column(name, qualities) for name in ("used", "vetoed", "spread_bps")}
        return CandleSeries(
            **{name: column(name, parts) for name in COLUMNS}, quality=MinuteQuality(**quality) if known else None
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
        raise InvalidInput(f"candle row {row} at {_opened(int(ts_ms[row]))}: {what}")


def _opened(ts_ms: int) -> str:
    try:
        return datetime.fromtimestamp(ts_ms / 1000, tz=UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return f"{ts_ms} ms"
