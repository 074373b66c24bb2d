"""Files of the history: names, atomic replacement, one writer at a time."""

import fcntl
import os
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

from alm_core.model.errors import InvalidInput

DAY_FILES = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9].parquet"

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def folder_of(root: Path, asset: str, pair: str) -> Path:
    """Return the folder of an asset and pair.

    Raises
    ------
    InvalidInput
        If a name could lead out of the history folder.
    """
    for name in (asset, pair):
        if _PLAIN_NAME.fullmatch(name) is None:
            raise InvalidInput(f"{name!r} cannot name a folder of the history")
    return root / asset / pair


def day_file(folder: Path, day: date) -> Path:
    """Return the file of a UTC day."""
    return folder / f"{day.isoformat()}.parquet"


def days_between(first: date, last: date) -> Iterator[date]:
    """Yield every day from first to last, both included."""
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)


@contextmanager
def writer_lock(folder: Path) -> Generator[None]:
    """Hold the only write access to a folder among all processes; the kernel drops it when a process dies."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file so that a reader, or a machine that loses power, sees the old content or the new, never a part."""
    fresh = path.with_name(f".{path.name}.tmp")
    with fresh.open("wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    fresh.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
