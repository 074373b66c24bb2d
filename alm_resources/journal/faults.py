"""What an error of the journal's database means: is it for a person, and does it last until one has looked."""

import sqlite3
from dataclasses import dataclass
from typing import cast

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from alm_core.model.errors import AlmError, IllegalStep, JournalBroken

DAMAGED = (
    "nothing is signed. Keep the file, restore the newest backup, then run `alm reconcile`: nonces that the backup "
    "does not know halt the wallet"
)
_ADVICE = {
    "full": "its volume is full; nothing is signed or sent until there is room, what is in flight is found again",
    "readonly": "it cannot be written; nothing is signed or sent until it can, check owner and mount",
    "failing": "its volume fails; nothing is signed or sent, copy the file to another volume",
    "damaged": f"it is damaged: {DAMAGED}",
    "unreachable": "it cannot be opened or read; nothing is signed or sent, check its volume or server",
    "busy": "another process holds its write lock for too long; nothing was written, try again",
}
_LASTING = ("full", "readonly", "failing", "damaged")
_SQLITE = {
    "SQLITE_FULL": "full",
    "SQLITE_READONLY": "readonly",
    "SQLITE_IOERR": "failing",
    "SQLITE_CORRUPT": "damaged",
    "SQLITE_NOTADB": "damaged",
    "SQLITE_BUSY": "busy",
    "SQLITE_LOCKED": "busy",
}
_POSTGRES = {
    "53100": "full",
    "58030": "failing",
    "25006": "readonly",
    "XX001": "damaged",
    "XX002": "damaged",
    "55P03": "busy",
}
"""SQLSTATE of disk full, I/O error, read-only transaction, data and index corrupted, lock not available."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An error of the house for one of the database; ``lasts`` where the next write would fare no better."""

    error: AlmError
    lasts: bool


def fault_from(error: Exception, name: str) -> Fault:
    """Return what an error of a driver, or of SQLAlchemy around it, means for the journal of that name."""
    driver = cast("BaseException", getattr(error, "orig", None) or error)
    if isinstance(error, IntegrityError):
        return Fault(error=IllegalStep(f"{name} refuses it: {_first_line(driver)}"), lasts=False)
    kind = _kind(driver)
    text = f"{name}: {_first_line(driver)}: {_ADVICE[kind]}"
    return Fault(error=JournalBroken(text), lasts=kind in _LASTING)


def name_of(url: sa.URL) -> str:
    """Return the journal as a person knows it, without secrets.

    Examples
    --------
    >>> name_of(sa.make_url("sqlite:////var/lib/alm/journal.db"))
    'journal /var/lib/alm/journal.db'
    >>> name_of(sa.make_url("postgresql://alm:secret@db/alm"))
    'journal alm on db'
    """
    if url.get_backend_name() == "sqlite":
        return f"journal {url.database or 'in memory'}"
    return f"journal {url.database} on {url.host}"


def _kind(driver: BaseException) -> str:
    if isinstance(driver, sqlite3.Error):
        # Extended names (SQLITE_IOERR_WRITE) begin with the primary one.
        code = str(getattr(driver, "sqlite_errorname", ""))
        return next((kind for prefix, kind in _SQLITE.items() if code.startswith(prefix)), "unreachable")
    return _POSTGRES.get(str(getattr(driver, "pgcode", "")), "unreachable")


def _first_line(driver: BaseException) -> str:
    return (str(driver).strip().splitlines() or [type(driver).__name__])[0]
