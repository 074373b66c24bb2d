"""Whole days of the history at once: written in one piece, read as a stream."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, TypeVar

import polars as pl

from alm_core.model.errors import InvalidInput
from alm_resources.history.files import day_file, days_between, folder_of, writer_lock
from alm_resources.history.frames import read_frame_once, write_frame
from alm_resources.history.payload import columns_of, payload_of, value_from_payload
from alm_resources.history.store import EPOCH_COLUMNS, EpochValue, HistoryStore

T = TypeVar("T")

_MOMENT = pl.Datetime("us", "UTC")


def write_day(history: HistoryStore, asset: str, pair: str, day: date, values: Sequence[EpochValue]) -> None:
    """Store the values of an asset for a day in place of whatever was stored of it; none leaves no file.

    Raises
    ------
    InvalidInput
        If a value is of another pair or day, or holds NaN or an infinity.
    """
    folder = folder_of(history.root, asset, pair)
    rows: list[dict[str, Any]] = []
    for value in values:
        at = value.epoch_at.astimezone(UTC)
        if value.pair != pair or at.date() != day:
            raise InvalidInput(f"{asset} of {value.pair} at {at.isoformat()} is not of {pair} on {day.isoformat()}")
        rows.append({**columns_of(value), "epoch_at": at, "payload": payload_of(value)})
    with writer_lock(folder):
        if not rows:
            day_file(folder, day).unlink(missing_ok=True)
            return
        frame = pl.DataFrame(rows, infer_schema_length=None, strict=False).with_columns(
            pl.col("epoch_at").cast(_MOMENT)
        )
        names = ["epoch_at", *sorted(set(frame.columns) - set(EPOCH_COLUMNS)), "payload"]
        write_frame(day_file(folder, day), frame.sort("epoch_at").select(names))


def stream_days(history: HistoryStore, asset: str, kind: type[T], pair: str, first: date, last: date) -> Iterator[T]:
    """Yield the values of an asset from one day to another, both included, oldest first; one day is in memory.

    Raises
    ------
    HistoryCorrupted
        If a file cannot be read; names the path.
    InvalidInput
        If a stored value is not a ``kind``; names path and epoch.
    """
    folder = folder_of(history.root, asset, pair)
    for day in days_between(first, last):
        path = day_file(folder, day)
        frame = read_frame_once(path, EPOCH_COLUMNS)
        rows: Iterator[tuple[datetime, str]] = (
            iter(()) if frame is None else frame.select(EPOCH_COLUMNS).iter_rows()  # pyright: ignore[reportAssignmentType]
        )
        for epoch_at, payload in rows:
            yield value_from_payload(kind, payload, f"{path} at {epoch_at.isoformat()}")
