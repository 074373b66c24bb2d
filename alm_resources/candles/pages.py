"""Pages of raw candles: read strictly before they enter."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

import numpy as np

from alm_core.model.candles import MINUTE_MS, CandleSeries, FloatArray
from alm_core.model.errors import BadAnswer

Row = Sequence[object]
COLUMNS = ("open time", "open", "high", "low", "close", "volume")


def read_page(source: str, rows: Sequence[Row], order: Literal["ascending", "descending"]) -> FloatArray:
    """Validate rows in the order they came and return them ascending, shape ``(n, 6)``.

    Raises
    ------
    BadAnswer
        Naming exchange, symbol, minute and value, if a value is missing, not a number, not finite, not positive
        (volume: negative), a time is off the minute, high and low do not enclose open and close, or times repeat or
        run the wrong way.
    """
    page = np.array([_numbers(source, row) for row in rows], dtype=np.float64).reshape(-1, len(COLUMNS))
    step = MINUTE_MS if order == "ascending" else -MINUTE_MS
    for before, after in zip(page[:-1, 0], page[1:, 0], strict=True):
        if (after - before) * step <= 0:
            raise BadAnswer(source, f"minute {_minute(after)} follows {_minute(before)}: rows must be {order}")
    return page if order == "ascending" else page[::-1]


def series_from_pages(pages: Sequence[FloatArray]) -> CandleSeries:
    """Join validated pages into one series."""
    if not pages:
        return CandleSeries.empty()
    rows = np.concatenate(pages)
    return CandleSeries(
        ts_ms=rows[:, 0].astype(np.int64),
        open=rows[:, 1],
        high=rows[:, 2],
        low=rows[:, 3],
        close=rows[:, 4],
        volume=rows[:, 5],
        filled=np.zeros(len(rows), dtype=np.bool_),
    )


def _numbers(source: str, row: Row) -> list[float]:
    if len(row) != len(COLUMNS):
        raise BadAnswer(source, f"candle has {len(row)} fields instead of {len(COLUMNS)}: {list(row)!r:.120}")
    values = [_number(source, row, name, value) for name, value in zip(COLUMNS, row, strict=True)]
    opened_ms, opened, high, low, close, volume = values
    if opened_ms <= 0 or opened_ms % MINUTE_MS:
        raise BadAnswer(source, f"candle at {opened_ms:.0f} ms does not open on a whole minute")
    for name, price in zip(COLUMNS[1:5], values[1:5], strict=True):
        if price <= 0:
            raise BadAnswer(source, f"minute {_minute(opened_ms)}: {name} is {price}, must be positive")
    if volume < 0:
        raise BadAnswer(source, f"minute {_minute(opened_ms)}: volume is {volume}, must not be negative")
    if high < max(opened, close) or low > min(opened, close):
        detail = f"high {high} and low {low} do not enclose open {opened} and close {close}"
        raise BadAnswer(source, f"minute {_minute(opened_ms)}: {detail}")
    return values


def _number(source: str, row: Row, name: str, value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    opened = row[0]
    where = _minute(opened) if name != "open time" and isinstance(opened, int | float) else "unknown"
    raise BadAnswer(source, f"minute {where}: {name} is {value!r}, not a finite number")


def _minute(opened_ms: float) -> str:
    try:
        return datetime.fromtimestamp(opened_ms / 1000, tz=UTC).strftime("%Y-%m-%dT%H:%MZ")
    except (ValueError, OverflowError):
        return f"{opened_ms} ms"
