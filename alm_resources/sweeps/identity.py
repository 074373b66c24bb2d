"""Identity of a cell: SHA-256 of its content, of the code that computes it, and of the recorded history it reads."""

import hashlib
from datetime import datetime, timedelta
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path

from alm_core.model.epochs import EPOCH_LENGTH
from alm_core.model.inputs import LOOK_BACK
from alm_core.model.sweeps import SweepCell
from alm_resources.history.files import day_file, days_between, folder_of
from alm_resources.history.gaps import SNAPSHOTS
from alm_resources.history.payload import payload_of
from alm_resources.history.store import CANDLES

PACKAGES = Path(__file__).resolve().parents[2]
COMPUTING = ("alm_core", "alm_resources/history")
"""Where the code lies that a result depends on."""
DEPENDING = ("numpy", "scipy", "numba")
"""Installed packages whose version may change a result."""


def cell_identity(cell: SweepCell, history_dir: Path) -> str:
    """Return the SHA-256 that a finished cell is found again by; it changes with whatever may change the result."""
    text = "\n".join((payload_of(cell), code_digest(), history_digest(cell, history_dir)))
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def code_digest() -> str:
    """Return the SHA-256 of the modules that compute a cell, and of the versions of what they compute with."""
    digest = hashlib.sha256(" ".join(f"{name}={version(name)}" for name in DEPENDING).encode())
    for package in COMPUTING:
        for path in sorted((PACKAGES / package).rglob("*.py")):
            digest.update(f"{path.relative_to(PACKAGES)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def history_digest(cell: SweepCell, history_dir: Path) -> str:
    """Return the SHA-256 of the files that a cell reads: its window and what it looks back on, by whole days."""
    window, back = cell.window, cell.strategy.yield_window_epochs * EPOCH_LENGTH
    digest = hashlib.sha256()
    for asset, since in ((CANDLES, window.first_at - LOOK_BACK), (SNAPSHOTS, window.first_at - back)):
        digest.update(_folder_digest(folder_of(history_dir, asset, cell.pair), since, window.end_at))
    for pair in cell.config.other_pairs:
        digest.update(
            _folder_digest(folder_of(history_dir, CANDLES, pair), window.first_at - EPOCH_LENGTH, window.end_at)
        )
    return digest.hexdigest()


def _folder_digest(folder: Path, start_at: datetime, end_at: datetime) -> bytes:
    digest = hashlib.sha256()
    for day in days_between(start_at.date(), (end_at - timedelta(microseconds=1)).date()):
        path = day_file(folder, day)
        try:
            stat = path.stat()
        except FileNotFoundError:
            continue
        digest.update(f"{day.isoformat()} {_file_digest(path, stat.st_mtime_ns, stat.st_size, stat.st_ino)}\n".encode())
    return digest.digest()


@lru_cache(maxsize=65_536)
def _file_digest(path: Path, _mtime_ns: int, _size: int, _inode: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
