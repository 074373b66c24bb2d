"""Versions of the limits as files had them, each from the moment a process first saw it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from alm_resources.journal.database import Database
from alm_resources.journal.tables import limit_versions


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitVersion:
    """Limits by name as a file had them, from ``seen_at`` until the next version's."""

    limits: Mapping[str, Any]
    seen_at: datetime


class LimitVersions:
    """The versions kept in a journal's database.

    Parameters
    ----------
    database
        Of the journal.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, limits: Mapping[str, Any], seen_at: datetime, delay: timedelta) -> None:
        """Remember limits as seen at a moment, unless they are those seen last.

        A clock that went back is not believed: a version is never older than the one before it.
        """
        text = json.dumps(dict(limits), sort_keys=True)
        with self._database.writing() as connection:
            last = (
                connection.execute(sa.select(limit_versions).order_by(limit_versions.c.seq.desc())).mappings().first()
            )
            if last is not None and last["limits"] == text:
                return
            at = seen_at if last is None else max(seen_at, datetime.fromisoformat(last["seen_at"]))
            in_force_at = at if last is None else at + delay
            row = {"limits": text, "seen_at": _text(at), "in_force_at": _text(in_force_at)}
            connection.execute(sa.insert(limit_versions).values(row))

    def read(self) -> tuple[LimitVersion, ...]:
        """All versions, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(limit_versions).order_by(limit_versions.c.seq)).mappings()
            return tuple(
                LimitVersion(limits=json.loads(row["limits"]), seen_at=datetime.fromisoformat(row["seen_at"]))
                for row in rows
            )


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
