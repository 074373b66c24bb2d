"""Candles as exchanges write them: rows are formatted once a day of minutes and kept as text, faults bend them."""

import itertools
import json
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from alm_localnet.market.bars import MINUTES_PER_DAY
from alm_localnet.market.noise import normals
from alm_localnet.market.venues import Columns, Listing, Venue
from alm_localnet.servers.faults import Fault
from alm_localnet.servers.http import JsonText

DAYS_KEPT = 64
# How far the price of a running minute strays between two requests, as a standard deviation of its logarithm.
_RUNNING_SIGMA = {"volatile": 0.0006, "stable": 0.00003}
_PRICES: tuple[str, ...] = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFormat:
    """How an exchange writes one candle.

    Parameters
    ----------
    template
        JSON text of a row: ``%`` placeholders in the order of ``fields``, ``{price}`` for a price, ``{closed}`` for
        the flag.
    fields
        Names of the values; the first ones of the JSON array, in its order.
    flags
        Text of the flag of a closed and of an open candle.
    separator
        Between base and quote in the exchange's own name of a market.
    """

    template: str
    fields: tuple[str, ...]
    flags: tuple[str, str] = ("", "")
    separator: str = ""

    def texts(self, listing: Listing, columns: Columns, *, closed: bool) -> list[str]:
        """Write rows."""
        flag = self.flags[0 if closed else 1]
        template = self.template.replace("{price}", f"%.{listing.price_decimals}f").replace("{closed}", flag)
        values = _values(columns)
        return [template % row for row in zip(*(values[name] for name in self.fields), strict=True)]


class KlineBook:
    """All rows of one exchange up to the virtual clock; the last one is still open.

    Parameters
    ----------
    venue
        Whose candles.
    row_format
        How it writes them.
    """

    def __init__(self, venue: Venue, row_format: RowFormat) -> None:
        self.venue, self.clock = venue, venue.clock
        self._format = row_format
        separator = row_format.separator
        self.listings = {f"{entry.base}{separator}{entry.quote}": entry for entry in venue.listings}
        self._asked = itertools.count(1)
        self._day: Callable[[str, int], tuple[list[int], list[str]]] = lru_cache(DAYS_KEPT)(self._written_day)

    def rows(
        self,
        market_id: str,
        first: int,
        last: int,
        fault: Fault | None,
        *,
        oldest: int | None = None,
        newest: int | None = None,
        with_open: bool = True,
    ) -> list[str]:
        """Rows of minutes ``first <= minute < last`` that exist by now, ascending; ``KeyError`` for unknown ids.

        ``oldest`` and ``newest`` keep as many rows of that end; ``with_open`` includes the minute that is running.
        """
        first = max(first, self.venue.market.first_minute)
        lying = fault is not None and fault.kind == "open_candle"
        closed_end = min(last, self.clock.minute)
        rows = self._closed(market_id, first, closed_end, fault) if first < closed_end else []
        if first <= self.clock.minute < last and (with_open or lying):
            rows.append(self._open(market_id, fault))
        if oldest is not None:
            rows = rows[:oldest]
        return rows if newest is None else rows[max(len(rows) - newest, 0) :]

    def json(self, rows: list[str], fault: Fault | None) -> JsonText:
        """Rows as a JSON array in the order given, spoiled where the fault is one of single rows."""
        return JsonText("[" + ",".join(self._spoiled(rows, fault)) + "]")

    def _closed(self, market_id: str, first: int, last: int, fault: Fault | None) -> list[str]:
        if fault and fault.kind in ("liar", "frozen", "gap"):
            listing = self.listings[market_id]
            columns = self._bent(listing, self._traded(listing, first, last), fault)
            return self._format.texts(listing, columns, closed=True)
        texts = list[str]()
        for day in range(first // MINUTES_PER_DAY, (last - 1) // MINUTES_PER_DAY + 1):
            minutes, written = self._day(market_id, day)
            texts += written[bisect_left(minutes, first) : bisect_left(minutes, last)]
        return texts

    def _written_day(self, market_id: str, day: int) -> tuple[list[int], list[str]]:
        # Minutes of the future are written too and not shown: the rows stay right while the clock moves.
        market, listing = self.venue.market, self.listings[market_id]
        first = max(day * MINUTES_PER_DAY, market.first_minute)
        last = min((day + 1) * MINUTES_PER_DAY, market.last_minute or (day + 1) * MINUTES_PER_DAY)
        columns = self._traded(listing, first, last)
        return columns.minute.tolist(), self._format.texts(listing, columns, closed=True)

    def _traded(self, listing: Listing, first: int, last: int) -> Columns:
        columns = self.venue.columns(listing, first, last)
        return columns.rows(~self.venue.quiet(listing, columns))

    def _bent(self, listing: Listing, columns: Columns, fault: Fault) -> Columns:
        begin = fault.from_minute
        match fault.kind:
            case "liar":
                factor = 1 + fault.offset_bps / 1e4
                return replace(columns, **{name: getattr(columns, name) * factor for name in _PRICES})
            case "gap":
                if begin is None:
                    begin = int(np.median(columns.minute)) if len(columns.minute) else 0
                return columns.rows((columns.minute < begin) | (columns.minute >= begin + fault.gap_minutes))
            case _:
                begin = max(begin or 0, self.venue.market.first_minute + 1)
                stuck = float(self.venue.columns(listing, begin - 1, begin).close[0])
                frozen = columns.minute >= begin
                return replace(columns, **{name: np.where(frozen, stuck, getattr(columns, name)) for name in _PRICES})

    def _open(self, market_id: str, fault: Fault | None) -> str:
        listing, now = self.listings[market_id], self.clock.minute
        before = self.venue.columns(listing, now - 1, now)
        if fault and fault.kind in ("liar", "frozen"):
            before = self._bent(listing, before, fault)
        flat = dict.fromkeys(_PRICES, before.close)
        row = replace(before, minute=before.minute + 1, volume=before.volume * 0, **flat)
        lying = fault is not None and fault.kind == "open_candle"
        return self._format.texts(listing, self._moving(listing, row) if lying else row, closed=lying)[0]

    def _moving(self, listing: Listing, row: Columns) -> Columns:
        sigma = _RUNNING_SIGMA["stable" if listing.stable else "volatile"]
        shock = normals(self.venue.market.seed, f"open/{self.venue.name}", np.asarray([next(self._asked)]))
        close = row.close * np.exp(sigma * shock)
        high, low = np.maximum(row.open, close), np.minimum(row.open, close)
        return replace(row, close=close, high=high, low=low, volume=row.volume + 0.5)

    def _spoiled(self, rows: list[str], fault: Fault | None) -> list[str]:
        if fault is None or not rows:
            return rows
        middle = len(rows) // 2
        match fault.kind:
            case "nan_candle":
                return [self._edited(row, {"close": "NaN"}) if at == middle else row for at, row in enumerate(rows)]
            case "negative_price":
                negative = dict.fromkeys(_PRICES, "-1.00")
                return [self._edited(row, negative) if at == middle else row for at, row in enumerate(rows)]
            case "reversed_order":
                return rows[::-1]
            case "empty":
                return []
            case _:
                return rows

    def _edited(self, row: str, changes: Mapping[str, str]) -> str:
        values: list[Any] = json.loads(row)
        for name, text in changes.items():
            values[self._format.fields.index(name)] = text
        return json.dumps(values)


def _values(columns: Columns) -> dict[str, list[Any]]:
    quote_volume = columns.volume * columns.close
    trades = (columns.volume > 0).astype(np.int64) + (columns.volume * 3).astype(np.int64)
    return {
        "ms": (columns.minute * 60_000).tolist(),
        "s": (columns.minute * 60).tolist(),
        "end_ms": (columns.minute * 60_000 + 59_999).tolist(),
        "open": columns.open.tolist(),
        "high": columns.high.tolist(),
        "low": columns.low.tolist(),
        "close": columns.close.tolist(),
        "volume": columns.volume.tolist(),
        "quote_volume": quote_volume.tolist(),
        "half_volume": (columns.volume / 2).tolist(),
        "half_quote_volume": (quote_volume / 2).tolist(),
        "trades": trades.tolist(),
    }
