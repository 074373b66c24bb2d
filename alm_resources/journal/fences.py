"""Leads of a journal that has forgotten the earlier ones."""

import time

import sqlalchemy as sa

from alm_resources.journal.books import of_wallet, put
from alm_resources.journal.database import Database
from alm_resources.journal.tables import leaders


def begin_fences_late(journal: Database, chain_id: int, wallet: str) -> None:
    """Let the fences of a wallet that the journal does not know begin at the time of day instead of 1.

    A signer that outlived the journal remembers larger ones than 1 and would refuse every payload. Fences count leads,
    one a quarter hour: the seconds since 1970 are beyond any of them.
    """
    with journal.writing() as connection:
        where = of_wallet(leaders, chain_id, wallet)
        if connection.execute(sa.select(leaders.c.fence).where(where)).first() is None:
            put(connection, leaders, chain_id, wallet, {"fence": int(time.time())})
