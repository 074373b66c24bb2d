"""Parquet in and out of Polars: deterministic bytes, corrupted files named, unchanged files read once."""

from functools import lru_cache
from io import BytesIO
from pathlib import Path
from zlib import crc32

import polars as pl

from alm_core.model.errors import HistoryCorrupted
from alm_resources.history.files import replace_file

DAYS_CACHED = 512
_CHECKSUM, _UNKNOWN = "alm_crc32", b"00000000"


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


def read_frame_once(path: Path, columns: tuple[str, ...]) -> pl.DataFrame | None:
    """Return the rows of a file as :func:`read_frame` does, and keep nothing in memory."""
    try:
        return _read.__wrapped__(path, columns, 0, 0, 0)
    except FileNotFoundError:
        return None


def write_frame(path: Path, frame: pl.DataFrame) -> None:
    """Write rows atomically; equal rows give equal bytes.

    The file carries a checksum of itself in its Parquet metadata: Polars takes the whole process down on some broken
    files, so that none is given to it unchecked.
    """
    buffer = BytesIO()
    frame.rechunk().write_parquet(
        buffer, compression="zstd", compression_level=3, statistics=True, metadata={_CHECKSUM: _UNKNOWN.decode()}
    )
    unsealed = buffer.getvalue()
    replace_file(path, _with_checksum(unsealed, b"%08x" % crc32(unsealed)))


def _with_checksum(content: bytes, checksum: bytes) -> bytes:
    at = _checksum_place(content)
    return content[:at] + checksum + content[at + len(checksum) :]


def _checksum_place(content: bytes) -> int:
    """Return where the checksum stands, -1 where there is none."""
    found = content.rfind(_CHECKSUM.encode())
    # Thrift puts a type and a length between key and value.
    return -1 if found < 0 else found + len(_CHECKSUM) + 2


def _refuse_damaged(path: Path, content: bytes) -> None:
    at = _checksum_place(content)
    if at < 0:
        raise HistoryCorrupted(f"{path}: carries no checksum of its own; move it away, it is fetched anew")
    if content[at : at + len(_UNKNOWN)] != b"%08x" % crc32(_with_checksum(content, _UNKNOWN)):
        raise HistoryCorrupted(f"{path}: its checksum is not that of its content; move it away, it is fetched anew")


@lru_cache(maxsize=DAYS_CACHED)
def _read(path: Path, columns: tuple[str, ...], _mtime_ns: int, _size: int, _inode: int) -> pl.DataFrame:
    content = path.read_bytes()
    _refuse_damaged(path, content)
    try:
        frame = pl.read_parquet(content)
    # Some broken files make Polars panic, which is no Exception.
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise HistoryCorrupted(
            f"{path}: cannot be read as Parquet ({error}); move it away, it is fetched anew"
        ) from error
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise HistoryCorrupted(f"{path}: column {missing[0]!r} is missing; found {frame.columns}")
    return frame
