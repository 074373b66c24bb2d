"""A recorded market in order of time: what a backtest reads, in memory that does not grow with its length."""

from collections import OrderedDict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from alm_core.model.candles import CandleSeries
from alm_core.model.errors import HistoryCorrupted, InvalidInput
from alm_core.model.market import MarketSnapshot
from alm_resources.history.candles import COLUMNS, series_of
from alm_resources.history.files import day_file, days_between, folder_of
from alm_resources.history.frames import read_frame_once
from alm_resources.history.payload import value_from_payload
from alm_resources.history.store import CANDLES, EPOCH_COLUMNS, HistoryStore

SNAPSHOTS = "pool_snapshots"
DAYS_OF_SNAPSHOTS = 2
"""Days whose snapshots are kept as text; a backtest goes from one day to the next."""


class RecordedMarket:
    """Recorded candles and snapshots of one pair. A :class:`alm_core.model.backtest.MarketHistory`.

    Candles of the days last asked for are in memory, snapshots one at a time.

    Parameters
    ----------
    history, pair
        What was recorded, and of which pair.
    """

    def __init__(self, history: HistoryStore, pair: str) -> None:
        self._history = history
        self._pair = pair
        self._frames: dict[date, pl.DataFrame | None] = {}
        self._series = CandleSeries.empty()
        self._payloads: OrderedDict[date, dict[datetime, str]] = OrderedDict()

    def candles(self, start_at: datetime, end_at: datetime) -> CandleSeries:
        """Return the recorded minutes that open in ``[start_at, end_at)``.

        Raises
        ------
        HistoryCorrupted
            If a file cannot be read or holds impossible candles; names the path.
        """
        first = start_at.astimezone(UTC).date()
        last = (end_at - timedelta(microseconds=1)).astimezone(UTC).date()
        wanted = list(days_between(first, last))
        if list(self._frames) != wanted:
            self._load(wanted)
        return self._series.between(start_at, end_at)

    def snapshot(self, epoch_at: datetime) -> MarketSnapshot | None:
        """Return what was recorded at an epoch, ``None`` if nothing was.

        Raises
        ------
        HistoryCorrupted
            If a file cannot be read; names the path.
        InvalidInput
            If what is stored is no snapshot; names path and epoch.
        """
        day = epoch_at.astimezone(UTC).date()
        payload = self._payloads_of(day).get(epoch_at)
        if payload is None:
            return None
        return value_from_payload(MarketSnapshot, payload, f"{self._path(SNAPSHOTS, day)} at {epoch_at.isoformat()}")

    def _load(self, days: list[date]) -> None:
        folder = folder_of(self._history.root, CANDLES, self._pair)
        known = self._frames
        self._frames = {
            day: known[day] if day in known else read_frame_once(day_file(folder, day), COLUMNS) for day in days
        }
        try:
            self._series = series_of([frame for frame in self._frames.values() if frame is not None])
        except (InvalidInput, pl.exceptions.PolarsError) as error:
            raise HistoryCorrupted(f"{folder}: {error}") from error

    def _payloads_of(self, day: date) -> dict[datetime, str]:
        found = self._payloads.get(day)
        if found is None:
            frame = read_frame_once(self._path(SNAPSHOTS, day), EPOCH_COLUMNS)
            rows = () if frame is None else frame.select(EPOCH_COLUMNS).iter_rows()
            found = {at.replace(tzinfo=UTC): payload for at, payload in rows}
            self._payloads[day] = found
            while len(self._payloads) > DAYS_OF_SNAPSHOTS:
                self._payloads.popitem(last=False)
        else:
            self._payloads.move_to_end(day)
        return found

    def _path(self, asset: str, day: date) -> Path:
        return day_file(folder_of(self._history.root, asset, self._pair), day)
