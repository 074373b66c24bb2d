"""Opening the journal's database: durability settings, one writer at a time, migrations before first use.

An error of the database never leaves raw: :mod:`alm_resources.journal.faults` says what it means for the money path.
"""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, DBAPIError

from alm_core.model.errors import ConfigError, JournalBroken
from alm_resources.journal.faults import DAMAGED, fault_from, name_of
from alm_resources.journal.tables import HEAD_REVISION

_BUSY_TIMEOUT_MS = 30_000
_ADVISORY_LOCK = 0x616C6D6A  # "almj": one lock per database, held until the transaction ends
_SUPPORTED = ("sqlite", "postgresql")


class Database:
    """A migrated database with two kinds of transaction.

    Parameters
    ----------
    url
        SQLAlchemy URL of SQLite (WAL, ``synchronous=FULL``) or Postgres.

    Raises
    ------
    ConfigError
        If the URL is for another database or cannot be read, or the journal was written by a newer version.
    JournalBroken
        If the database cannot be opened or is damaged (``PRAGMA integrity_check``).

    Notes
    -----
    After a write that the disk refused, every further one is refused too, and every read that a signature rests on,
    until a lead is taken anew: that is the first write of an executor, and it proves that the disk takes writes again.
    """

    def __init__(self, url: str) -> None:
        self._engine = _open(url)
        self._name = name_of(self._engine.url)
        self._refusal: str | None = None
        self._check()
        self._migrate()

    @contextmanager
    def reading(self) -> Generator[sa.Connection]:
        """A consistent view; takes no write lock.

        Raises
        ------
        JournalBroken
            If the database does not answer.
        """
        try:
            with self._engine.connect().execution_options(reading=True) as connection, connection.begin():
                yield connection
        except (DBAPIError, sqlite3.Error) as error:
            raise fault_from(error, self._name).error from error

    @contextmanager
    def writing(self, *, proves: bool = False) -> Generator[sa.Connection]:
        """A transaction that is the only writer from its first statement on, durable when the block ends.

        Parameters
        ----------
        proves
            Whether it is tried although an earlier write was refused, and lets others be tried again.

        Raises
        ------
        JournalBroken
            If it could not be written; nothing of it is there.
        IllegalStep
            If a rule of the tables forbids it.
        """
        if not proves:
            self.refuse_unwritable()
        try:
            with self._engine.begin() as connection:
                if connection.dialect.name == "postgresql":
                    connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
                yield connection
        except (DBAPIError, sqlite3.Error) as error:
            fault = fault_from(error, self._name)
            if fault.lasts:
                self._refusal = str(fault.error)
            raise fault.error from error
        self._refusal = None

    def refuse_unwritable(self) -> None:
        """Refuse while the last write was refused by the disk: a signature now could not be journalled."""
        if self._refusal:
            raise JournalBroken(f"an earlier write was refused: {self._refusal}")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _check(self) -> None:
        """Refuse a damaged file: what is read from it could be old or missing."""
        if self._engine.dialect.name != "sqlite":
            return
        with self.reading() as connection:
            found = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar())
        if found != "ok":
            raise JournalBroken(f"{self._name} is damaged ({found}): {DAMAGED}")

    def _migrate(self) -> None:
        with self.reading() as connection:
            if _revision(connection) == HEAD_REVISION:
                return
        with self.writing() as connection:
            if _revision(connection) != HEAD_REVISION:  # another process may have been faster
                _upgrade(connection)


def _open(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
    except ArgumentError as error:
        raise ConfigError("journal URL is not a database URL (not shown: it may hold a password)") from error
    if parsed.get_backend_name() not in _SUPPORTED:
        raise ConfigError(f"journal database {parsed.get_backend_name()!r} is not one of {', '.join(_SUPPORTED)}")
    if parsed.get_backend_name() == "postgresql":
        return sa.create_engine(parsed, isolation_level="READ COMMITTED", hide_parameters=True)
    if parsed.database not in (None, "", ":memory:"):
        _make_folder(Path(parsed.database).parent)
    engine = sa.create_engine(parsed, hide_parameters=True)
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"journal folder {folder} cannot be made: {error.strerror}") from error


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not open transactions on its own: BEGIN below does
    for pragma in (f"busy_timeout={_BUSY_TIMEOUT_MS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: sa.Connection) -> None:
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", "alm_resources.journal:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise ConfigError(
            f"journal cannot be migrated to {HEAD_REVISION}, is it of a newer version? {error}"
        ) from error
