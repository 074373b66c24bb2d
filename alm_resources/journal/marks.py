"""Marks: what a wallet was worth at each epoch, for the breakers that look back."""

from dataclasses import asdict
from datetime import UTC, datetime

import sqlalchemy as sa
from pydantic import TypeAdapter

from alm_core.model.books import Mark
from alm_resources.journal.database import Database
from alm_resources.journal.tables import marks

_MARK: TypeAdapter[Mark] = TypeAdapter(Mark)


class Marks(Database):
    """Marks of wallets; base of :class:`~alm_resources.journal.SqlJournal`."""

    def add_mark(self, mark: Mark) -> None:
        """Note what a wallet was worth; a mark of that epoch that is there already stays."""
        row = {**asdict(mark), "wallet": mark.wallet.lower(), "epoch_at": _text(mark.epoch_at)}
        same = sa.and_(*(marks.c[name] == row[name] for name in ("pair", "wallet", "epoch_at")))
        with self.writing() as connection:
            if connection.execute(sa.select(marks.c.pair).where(same)).first() is None:
                connection.execute(sa.insert(marks).values(row))

    def read_marks(self, pair: str, wallet: str, since_at: datetime) -> tuple[Mark, ...]:
        """Marks of a wallet from a moment on, oldest first."""
        wanted = (marks.c.pair == pair) & (marks.c.wallet == wallet.lower()) & (marks.c.epoch_at >= _text(since_at))
        with self.reading() as connection:
            rows = connection.execute(sa.select(marks).where(wanted).order_by(marks.c.epoch_at)).mappings()
            return tuple(_MARK.validate_python(dict(row)) for row in rows)


def _text(moment: datetime) -> str:
    # One zone and one precision: text sorts as the moments do.
    return moment.astimezone(UTC).isoformat(timespec="seconds")
