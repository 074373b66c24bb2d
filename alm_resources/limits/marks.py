"""Forgetting marks: after a person has looked, breakers measure from the next epoch on."""

import sqlalchemy as sa

from alm_resources.journal.database import Database
from alm_resources.journal.tables import marks


def forget_marks(database: Database, pair: str, wallet: str) -> None:
    """Delete the marks of a wallet; what it lost before is accepted."""
    of_wallet = (marks.c.pair == pair) & (marks.c.wallet == wallet.lower())
    with database.writing() as connection:
        connection.execute(sa.delete(marks).where(of_wallet))
