"""Minute candles as Parquet columns.

``ts_ms open high low close volume filled``, and where the minutes come from: ``used vetoed`` (masks, bits by
``alm_core.model.candles.EXCHANGES``) and ``spread_bps``. The last three are null where that is not known; older files
have no such columns.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import polars as pl

from alm_core.model.candles import EXCHANGES, MINUTE_MS, CandleSeries, MinuteQuality
from alm_core.model.errors import InvalidInput
from alm_core.model.inputs import DAY_MS

_KINDS: dict[str, pl.DataType] = {
    "ts_ms": pl.Int64(),
    **dict.fromkeys(("open", "high", "low", "close", "volume"), pl.Float64()),
    "filled": pl.Boolean(),
}
COLUMNS = tuple(_KINDS)
_QUALITY: dict[str, pl.DataType] = {"used": pl.Int64(), "vetoed": pl.Int64(), "spread_bps": pl.Float64()}


def frames_by_day(series: CandleSeries) -> Iterator[tuple[date, pl.DataFrame]]:
    """Split candles by UTC day."""
    days = series.ts_ms // DAY_MS
    for day in np.unique(days):
        left, right = np.searchsorted(days, [day, day + 1])
        part = series.rows(slice(int(left), int(right)))
        opened = datetime.fromtimestamp(int(day) * 86_400, tz=UTC).date()
        yield opened, _frame(part)


def merge(stored: pl.DataFrame | None, fresh: pl.DataFrame) -> pl.DataFrame:
    """Return stored and fresh rows by time. A stored minute stays as it is: epochs were decided on it."""
    both = fresh if stored is None else pl.concat([with_quality(stored), fresh])
    return both.unique("ts_ms", keep="first", maintain_order=True).sort("ts_ms")


def with_quality(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame with all columns; those that an older file lacks are null."""
    missing = [pl.lit(None, dtype=kind).alias(name) for name, kind in _QUALITY.items() if name not in frame.columns]
    return frame.with_columns(missing).select(*COLUMNS, *_QUALITY)


def series_of(frames: Sequence[pl.DataFrame]) -> CandleSeries:
    """Join the frames of consecutive days."""
    if not frames:
        return CandleSeries.empty()
    joined = pl.concat([with_quality(frame) for frame in frames])
    _refuse_other_kinds(joined)
    columns: dict[str, Any] = {name: joined[name].to_numpy() for name in COLUMNS}
    return CandleSeries(**columns, quality=_quality_of(joined))


def _refuse_other_kinds(frame: pl.DataFrame) -> None:
    for name, kind in (_KINDS | _QUALITY).items():
        if frame[name].dtype != kind:
            raise InvalidInput(f"column {name!r} is {frame[name].dtype}, must be {kind}")
        if name in _KINDS and frame[name].null_count():
            raise InvalidInput(f"column {name!r} has no value in row {frame[name].is_null().arg_max()}")
    if (frame["ts_ms"] % MINUTE_MS != 0).any():
        raise InvalidInput("column 'ts_ms' has times that are not whole minutes")
    if not frame["used"].is_null().equals(frame["vetoed"].is_null()):
        raise InvalidInput("columns 'used' and 'vetoed' are not known in the same rows")
    for name in ("used", "vetoed"):
        if not frame[name].drop_nulls().is_between(0, (1 << len(EXCHANGES)) - 1).all():
            raise InvalidInput(f"column {name!r} names exchanges that there are not")


def _frame(part: CandleSeries) -> pl.DataFrame:
    frame = pl.DataFrame({name: getattr(part, name) for name in COLUMNS})
    if part.quality is None:
        return with_quality(frame)
    quality = [pl.Series(name, getattr(part.quality, name), kind) for name, kind in _QUALITY.items()]
    return frame.with_columns(quality).with_columns(pl.col("spread_bps").fill_nan(None))


def _quality_of(joined: pl.DataFrame) -> MinuteQuality | None:
    if joined["used"].null_count() == joined.height:
        return None
    return MinuteQuality(
        used=joined["used"].fill_null(0).to_numpy(),
        vetoed=joined["vetoed"].fill_null(0).to_numpy(),
        spread_bps=joined["spread_bps"].fill_null(float("nan")).to_numpy(),
    )
