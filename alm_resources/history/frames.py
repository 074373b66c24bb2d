"""Parquet in and out of Polars: deterministic bytes, corrupted files named, unchanged files read once."""

from functools import lru_cache
from io import BytesIO
from pathlib import Path

import polars as pl

from alm_core.model.errors import HistoryCorrupted
from alm_resources.history.files import replace_file

DAYS_CACHED = 512


def read_frame(path: Path, columns: tuple[str, ...]) -> pl.DataFrame | None:
    """Return the rows of a file, ``None`` if there is no such file.

    Raises
    ------
    HistoryCorrupted
        If the file is not Parquet or lacks a column; names the path.
    """
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return _read(path, columns, stat.st_mtime_ns, stat.st_size, stat.st_ino)


def write_frame(path: Path, frame: pl.DataFrame) -> None:
    """Write rows atomically; equal rows give equal bytes."""
    buffer = BytesIO()
    frame.rechunk().write_parquet(buffer, compression="zstd", compression_level=3, statistics=True)
    replace_file(path, buffer.getvalue())


@lru_cache(maxsize=DAYS_CACHED)
def _read(path: Path, columns: tuple[str, ...], _mtime_ns: int, _size: int, _inode: int) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path.read_bytes())
    # Some broken files make Polars panic, which is no Exception.
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise HistoryCorrupted(
            f"{path}: cannot be read as Parquet ({error}); move it away, it is fetched anew"
        ) from error
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise HistoryCorrupted(f"{path}: column {missing[0]!r} is missing; found {frame.columns}")
    return frame
