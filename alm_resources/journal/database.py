"""Opening the journal's database: durability settings, one writer at a time, migrations before first use."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError

from alm_core.model.errors import ConfigError
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
        If the URL is for another database, or cannot be read.
    """

    def __init__(self, url: str) -> None:
        self._engine = _open(url)
        self._migrate()

    @contextmanager
    def reading(self) -> Generator[sa.Connection]:
        """A consistent view; takes no write lock."""
        with self._engine.connect().execution_options(reading=True) as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Generator[sa.Connection]:
        """A transaction that is the only writer from its first statement on, durable when the block ends."""
        with self._engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

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
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(parsed, hide_parameters=True)
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


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

    config = Config()
    config.set_main_option("script_location", "alm_resources.journal:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
