"""The history of all assets: ``<root>/<asset>/<pair>/<day>.parquet``.

``candles`` holds one row per minute; a minute that is stored stays as it is. Every other asset holds one row per epoch:
``epoch_at``, flat columns for SQL, and ``payload``, the exact value as canonical JSON. Writing the same content again
leaves the file as it is, byte for byte.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

import polars as pl

from alm_core.model.candles import CandleSeries
from alm_core.model.errors import HistoryCorrupted, InvalidInput
from alm_resources.history import candles as candle_frames
from alm_resources.history.files import DAY_FILES, day_file, days_between, folder_of, writer_lock
from alm_resources.history.frames import read_frame, write_frame
from alm_resources.history.payload import columns_of, payload_of, value_from_payload

CANDLES = "candles"
EPOCH_COLUMNS = ("epoch_at", "payload")
_MOMENT = pl.Datetime("us", "UTC")


class EpochValue(Protocol):
    """What can be stored by epoch: a dataclass that says its pair and epoch."""

    @property
    def pair(self) -> str: ...

    @property
    def epoch_at(self) -> datetime: ...


T = TypeVar("T")


class HistoryStore:
    """Reads and writes recorded history under one folder. Safe among processes; readers never wait.

    Parameters
    ----------
    root
        Folder of the history; made when first written to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def write_candles(self, pair: str, series: CandleSeries) -> int:
        """Store the minutes that are not stored yet, and return how many those were.

        A stored minute is never replaced, not even by a better one: what was decided on it could not be recomputed.
        """
        folder, added = folder_of(self.root, CANDLES, pair), 0
        with writer_lock(folder):
            for day, fresh in candle_frames.frames_by_day(series):
                path = day_file(folder, day)
                stored = read_frame(path, candle_frames.COLUMNS)
                merged = candle_frames.merge(stored, fresh)
                new = merged.height - (stored.height if stored is not None else 0)
                if new:
                    write_frame(path, merged)
                added += new
        return added

    def read_candles(self, pair: str, start_at: datetime, end_at: datetime) -> CandleSeries:
        """Return the stored candles that open in ``[start_at, end_at)``; minutes never stored are absent.

        Raises
        ------
        HistoryCorrupted
            If a file cannot be read or holds impossible candles; names the path or the row.
        """
        folder = folder_of(self.root, CANDLES, pair)
        found = [frame for _, frame in _frames(folder, start_at, end_at, candle_frames.COLUMNS)]
        try:
            return candle_frames.series_of(found).between(start_at, end_at)
        except (InvalidInput, pl.exceptions.PolarsError) as error:
            raise HistoryCorrupted(f"{folder}: {error}") from error

    def write_epoch(self, asset: str, value: EpochValue) -> None:
        """Store the value of an asset at its epoch; an earlier value of that epoch that differs is replaced.

        An equal value stays stored as it was written, also where its type has gained fields with defaults since:
        later epochs may have recorded its digest.

        Raises
        ------
        InvalidInput
            If the value holds NaN or an infinity.
        """
        self._write(asset, value, keep=_equal)

    def write_epoch_once(self, asset: str, value: EpochValue) -> bool:
        """Store the value of an asset unless its epoch has one; return whether it was stored.

        Raises
        ------
        InvalidInput
            If the value holds NaN or an infinity.
        """
        return self._write(asset, value, keep=_anything)

    def read_epoch(self, asset: str, kind: type[T], pair: str, epoch_at: datetime) -> T | None:
        """Return the value of an asset at one epoch, ``None`` if none was stored."""
        found = self.read_epochs(asset, kind, pair, epoch_at, epoch_at + timedelta(microseconds=1))
        return found[0] if found else None

    def read_epochs(self, asset: str, kind: type[T], pair: str, start_at: datetime, end_at: datetime) -> tuple[T, ...]:
        """Return the values of the epochs in ``[start_at, end_at)``, oldest first.

        Raises
        ------
        HistoryCorrupted
            If a file cannot be read; names the path.
        InvalidInput
            If a stored value is not a ``kind``; names path and epoch.
        """
        return tuple(
            value_from_payload(kind, payload, f"{path} at {epoch_at.isoformat()}")
            for path, epoch_at, payload in self._payloads(asset, pair, start_at, end_at)
        )

    def read_payload(self, asset: str, pair: str, epoch_at: datetime) -> str | None:
        """Return the stored form of the value at one epoch, as it was written; ``None`` if none was stored."""
        found = self.read_payloads(asset, pair, epoch_at, epoch_at + timedelta(microseconds=1))
        return found[0][1] if found else None

    def read_payloads(
        self, asset: str, pair: str, start_at: datetime, end_at: datetime
    ) -> tuple[tuple[datetime, str], ...]:
        """Return epoch and stored form of the values of the epochs in ``[start_at, end_at)``, oldest first.

        Raises
        ------
        HistoryCorrupted
            If a file cannot be read; names the path.
        """
        found = self._payloads(asset, pair, start_at, end_at)
        return tuple((epoch_at, payload) for _, epoch_at, payload in found)

    def read_latest(
        self, asset: str, kind: type[T], pair: str, before_at: datetime, within: timedelta = timedelta(days=7)
    ) -> T | None:
        """Return the last value before a moment and not older than ``within``, ``None`` if there is none."""
        folder = folder_of(self.root, asset, pair)
        for path, frame in _frames(folder, before_at - within, before_at, EPOCH_COLUMNS, newest_first=True):
            rows = frame.filter((pl.col("epoch_at") < before_at) & (pl.col("epoch_at") >= before_at - within))
            if rows.height:
                epoch_at, payload = rows.row(-1, named=True)["epoch_at"], str(rows["payload"][-1])
                return value_from_payload(kind, payload, f"{path} at {epoch_at.isoformat()}")
        return None

    def read_epoch_times(self, asset: str, pair: str, start_at: datetime, end_at: datetime) -> tuple[datetime, ...]:
        """Return the epochs in ``[start_at, end_at)`` that have a value, oldest first."""
        folder = folder_of(self.root, asset, pair)
        return tuple(
            epoch_at.replace(tzinfo=UTC)
            for _, frame in _frames(folder, start_at, end_at, EPOCH_COLUMNS)
            for epoch_at in frame["epoch_at"]
            if start_at <= epoch_at < end_at
        )

    def stored_days(self, asset: str, pair: str) -> tuple[date, ...]:
        """Return the days that have a file, oldest first."""
        folder = folder_of(self.root, asset, pair)
        return tuple(sorted(date.fromisoformat(path.stem) for path in folder.glob(DAY_FILES)))

    def _payloads(
        self, asset: str, pair: str, start_at: datetime, end_at: datetime
    ) -> Iterator[tuple[Path, datetime, str]]:
        folder = folder_of(self.root, asset, pair)
        inside = (pl.col("epoch_at") >= start_at) & (pl.col("epoch_at") < end_at)
        for path, frame in _frames(folder, start_at, end_at, EPOCH_COLUMNS):
            for epoch_at, payload in frame.filter(inside).select(EPOCH_COLUMNS).iter_rows():
                yield path, epoch_at.replace(tzinfo=UTC), payload

    def _write(self, asset: str, value: EpochValue, *, keep: Callable[[EpochValue, str], bool]) -> bool:
        folder = folder_of(self.root, asset, value.pair)
        fresh = _epoch_frame(value)
        path = day_file(folder, value.epoch_at.astimezone(UTC).date())
        with writer_lock(folder):
            stored = read_frame(path, EPOCH_COLUMNS)
            earlier = None if stored is None else _payload_at(stored, value.epoch_at)
            if earlier is not None and keep(value, earlier):
                return False
            write_frame(path, _merge_epochs(stored, fresh))
            return True


def _anything(_value: EpochValue, _stored: str) -> bool:
    return True


def _equal(value: EpochValue, stored: str) -> bool:
    try:
        return value_from_payload(type(value), stored, "stored") == value
    except InvalidInput:
        return False


def _payload_at(frame: pl.DataFrame, epoch_at: datetime) -> str | None:
    rows = frame.filter(pl.col("epoch_at") == epoch_at)
    return str(rows["payload"][0]) if rows.height else None


def _frames(
    folder: Path, start_at: datetime, end_at: datetime, columns: Sequence[str], *, newest_first: bool = False
) -> Iterator[tuple[Path, pl.DataFrame]]:
    if end_at <= start_at:
        return
    days = list(days_between(_day(start_at), _day(end_at - timedelta(microseconds=1))))
    for day in reversed(days) if newest_first else days:
        path = day_file(folder, day)
        frame = read_frame(path, tuple(columns))
        if frame is not None:
            yield path, frame


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """Return the first moment of a UTC day and of the next one."""
    start = datetime.combine(day, time(), tzinfo=UTC)
    return start, start + timedelta(days=1)


def _epoch_frame(value: EpochValue) -> pl.DataFrame:
    columns: dict[str, Any] = {**columns_of(value), "epoch_at": value.epoch_at.astimezone(UTC)}
    frame = pl.DataFrame({name: [column] for name, column in columns.items()})
    return frame.with_columns(pl.col("epoch_at").cast(_MOMENT), pl.lit(payload_of(value)).alias("payload"))


def _merge_epochs(stored: pl.DataFrame | None, fresh: pl.DataFrame) -> pl.DataFrame:
    both = fresh if stored is None else pl.concat([stored, fresh], how="diagonal_relaxed")
    names = ["epoch_at", *sorted(set(both.columns) - set(EPOCH_COLUMNS)), "payload"]
    return both.unique("epoch_at", keep="last", maintain_order=True).sort("epoch_at").select(names)
