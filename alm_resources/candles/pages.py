"""Pages of raw candles: read strictly before they enter."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from operator import itemgetter
from typing import Any, Literal, NoReturn, cast

import numpy as np

from alm_core.model.candles import MINUTE_MS, BoolArray, CandleSeries, FloatArray
from alm_core.model.errors import BadAnswer

COLUMNS = ("open time", "open", "high", "low", "close", "volume")
LARGEST_FIGURE = 1e30
"""No price or volume comes near, and the volumes of all exchanges together stay a number."""
_DECIMAL = b"0123456789.+-eE"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowShape:
    """Where a row of the wire holds time, open, high, low, close and volume, and how many ms its time counts."""

    positions: tuple[int, int, int, int, int, int]
    time_ms: int


def read_page(
    source: str, rows: Sequence[object], order: Literal["ascending", "descending"], shape: RowShape
) -> FloatArray:
    """Validate rows in the order they came and return them ascending, shape ``(n, 6)``.

    Raises
    ------
    BadAnswer
        Naming exchange, symbol, minute and value, if a row is no list, a value is missing, not a number, not finite,
        not positive (volume: negative) or out of range, a time is off the minute, high and low do not enclose open and
        close, or times repeat or run the wrong way.
    """
    page = _numbers(rows, shape)
    if page is None or not _possible(page).all():
        _refuse_first(source, rows, shape)
    step = MINUTE_MS if order == "ascending" else -MINUTE_MS
    wrong = np.diff(page[:, 0]) * step <= 0
    if wrong.any():
        at = int(np.argmax(wrong))
        before, after = page[at, 0], page[at + 1, 0]
        raise BadAnswer(source, f"minute {_minute(after)} follows {_minute(before)}: rows must be {order}")
    return page if order == "ascending" else page[::-1]


def series_from_rows(rows: FloatArray) -> CandleSeries:
    """Columns of validated rows, shape ``(n, 6)``."""
    return CandleSeries(
        ts_ms=rows[:, 0].astype(np.int64),
        open=rows[:, 1].copy(),
        high=rows[:, 2].copy(),
        low=rows[:, 3].copy(),
        close=rows[:, 4].copy(),
        volume=rows[:, 5].copy(),
        filled=np.zeros(len(rows), dtype=np.bool_),
    )


def _numbers(rows: Sequence[object], shape: RowShape) -> FloatArray | None:
    """All values at once; ``None`` if one of them cannot be read."""
    # A text can be indexed like a row, and true is the number 1: kinds are looked at before values.
    if not set(map(type, rows)) <= {list}:
        return None
    try:
        values = list(chain.from_iterable(map(itemgetter(*shape.positions), cast("Sequence[list[Any]]", rows))))
        if not set(map(type, values)) <= {str, int, float} or not _plain(
            value for value in values if type(value) is str
        ):
            return None
        page = np.array(list(map(float, values)), dtype=np.float64).reshape(-1, len(COLUMNS))
    except (IndexError, ValueError, OverflowError):
        return None
    with np.errstate(over="ignore"):
        page[:, 0] *= shape.time_ms
    return page


def _plain(texts: Iterable[str]) -> bool:
    """Whether texts hold nothing but decimal numbers: ``float`` takes digits of every script, and ``1_0`` for ten."""
    joined = "".join(texts)
    return joined.isascii() and not joined.encode().translate(None, _DECIMAL)


def _possible(page: FloatArray) -> BoolArray:
    finite: BoolArray = np.logical_and.reduce(np.isfinite(page), axis=1)
    # What is not finite fails anyway; without this numpy warns about it.
    opened_ms, opened, high, low, close, volume = np.where(finite.reshape(-1, 1), page, 1.0).T
    whole = (opened_ms > 0) & (opened_ms % MINUTE_MS == 0)
    positive = (opened > 0) & (high > 0) & (low > 0) & (close > 0) & (volume >= 0)
    enclosed = (high >= np.maximum(opened, close)) & (low <= np.minimum(opened, close))
    moderate = np.maximum(high, volume) < LARGEST_FIGURE
    return finite & whole & positive & enclosed & moderate


def _refuse_first(source: str, rows: Sequence[object], shape: RowShape) -> NoReturn:
    for row in rows:
        if not isinstance(row, list):
            raise BadAnswer(source, f"candle is no list of values: {row!r:.120}")
        _refuse_impossible(source, cast("list[object]", row), shape)
    raise BadAnswer(source, f"candles cannot be read: {rows!r:.120}")


def _refuse_impossible(source: str, row: list[object], shape: RowShape) -> None:
    opened_ms = _number(source, row, shape, 0) * shape.time_ms
    where = f"minute {_minute(opened_ms)}"
    if opened_ms <= 0 or opened_ms % MINUTE_MS:
        raise BadAnswer(source, f"candle at {opened_ms:.0f} ms does not open on a whole minute")
    opened, high, low, close, volume = (_number(source, row, shape, column) for column in range(1, len(COLUMNS)))
    for name, price in zip(COLUMNS[1:5], (opened, high, low, close), strict=True):
        if price <= 0:
            raise BadAnswer(source, f"{where}: {name} is {price}, must be positive")
    if volume < 0:
        raise BadAnswer(source, f"{where}: volume is {volume}, must not be negative")
    for name, figure in (("high", high), ("volume", volume)):
        if figure >= LARGEST_FIGURE:
            raise BadAnswer(source, f"{where}: {name} is {figure}, out of range")
    if high < max(opened, close) or low > min(opened, close):
        detail = f"high {high} and low {low} do not enclose open {opened} and close {close}"
        raise BadAnswer(source, f"{where}: {detail}")


def _number(source: str, row: list[object], shape: RowShape, column: int) -> float:
    at = shape.positions[column]
    value = row[at] if at < len(row) else None
    number = _read(value)
    if number is None or not math.isfinite(number):
        opened = _read(row[shape.positions[0]]) if column else None
        where = "unknown" if opened is None else _minute(opened * shape.time_ms)
        raise BadAnswer(source, f"minute {where}: {COLUMNS[column]} is {value!r:.80}, not a finite number")
    return number


def _read(value: object) -> float | None:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return None
    if isinstance(value, str) and not _plain([value]):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _minute(opened_ms: float) -> str:
    try:
        return datetime.fromtimestamp(opened_ms / 1000, tz=UTC).strftime("%Y-%m-%dT%H:%MZ")
    except (ValueError, OverflowError, OSError):
        return f"{opened_ms} ms"
