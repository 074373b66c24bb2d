"""The minutes before each epoch of a backtest, each read and prepared once: memory does not grow with history."""

from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alm_core.model.backtest import MarketHistory
from alm_core.model.candles import COLUMNS, CandleSeries, FloatArray, IntArray, SpanKey
from alm_core.model.errors import InvalidInput
from alm_core.model.inputs import LOOK_BACK

SPARE = 2
"""Minutes are kept for so many look-backs: they are moved up only once in one."""


class SlidingMinutes:
    """What ``market.candles`` says of the look-back before each epoch, asked for in order of time.

    Series are views that nobody overwrites, so they may be kept. They lack :attr:`CandleSeries.quality`, which no
    decision looks at, and share their :attr:`CandleSeries.spans`.
    """

    def __init__(self, market: MarketHistory) -> None:
        self._market = market
        self._columns: dict[str, NDArray[Any]] = {}
        self._rows = slice(0, 0)
        self._until_at: datetime | None = None
        self._spans: dict[SpanKey, tuple[IntArray, FloatArray]] = {}

    def before(self, at: datetime) -> CandleSeries:
        """Return the minutes of the look-back before an epoch, no earlier one than asked for last.

        Raises
        ------
        InvalidInput
            If the history gives a minute again that lies before those it gave.
        """
        start_at = at - LOOK_BACK
        read_at = start_at if self._until_at is None else max(start_at, self._until_at)
        self._append(self._market.candles(read_at, at))
        self._until_at = at
        times = self._columns["ts_ms"][self._rows]
        gone = int(times.searchsorted(int(start_at.timestamp() * 1000)))
        self._rows = slice(self._rows.start + gone, self._rows.stop)
        columns = {name: column[self._rows] for name, column in self._columns.items()}
        return CandleSeries.trusted(columns, spans=self._spans)

    def _append(self, read: CandleSeries) -> None:
        count, more = self._rows.stop - self._rows.start, len(read)
        if count and more and self._columns["ts_ms"][self._rows.stop - 1] >= read.ts_ms[0]:
            raise InvalidInput(f"history gave the minute of {int(read.ts_ms[0])} ms twice")
        if not self._columns or self._rows.stop + more > len(self._columns["ts_ms"]):
            self._make_room(read, count)
        after = self._rows.stop + more
        for name, column in self._columns.items():
            column[self._rows.stop : after] = getattr(read, name)
        self._rows = slice(self._rows.start, after)

    def _make_room(self, read: CandleSeries, count: int) -> None:
        room = SPARE * (count + len(read))
        columns = {name: np.empty(room, dtype=getattr(read, name).dtype) for name in COLUMNS}
        for name, column in self._columns.items():
            columns[name][:count] = column[self._rows]
        self._columns, self._rows = columns, slice(0, count)
