"""The other sides of the books: stored with the wallet's entries, compared with them, taken back with them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from alm_core.accounting.postings import ADJUSTMENT
from alm_core.model.books import Discrepancy, OneSided, Posting
from alm_resources.journal.database import Database
from alm_resources.journal.tables import discrepancies, ledger, postings

GONE = "gone:"
"""Begins the name of a change whose block is gone, and of the one that takes it back."""
_SIDES = ("chain_id", "wallet", "token", "delta", "tx_hash", "log_index")


class Postings(Database):
    """Accounts beside the wallet, and what proofs found; base of :class:`~alm_resources.journal.SqlJournal`."""

    def read_accounts(self, chain_id: int, wallet: str, prefix: str = "") -> dict[tuple[str, str], int]:
        """Sum of all postings by account and token, of accounts whose name begins so."""
        wanted = _of_wallet(postings, chain_id, wallet)
        wanted &= postings.c.account.startswith(prefix, autoescape=True) if prefix else sa.true()
        sums: dict[tuple[str, str], int] = {}
        with self.reading() as connection:
            found = sa.select(postings.c.account, postings.c.token, postings.c.delta).where(wanted)
            for account, token, delta in connection.execute(found):
                sums[account, token] = sums.get((account, token), 0) + int(delta)
        return sums

    def read_postings(self, chain_id: int, wallet: str) -> tuple[Posting, ...]:
        """All postings of a wallet on a chain, oldest first."""
        wanted = sa.select(postings).where(_of_wallet(postings, chain_id, wallet)).order_by(postings.c.seq)
        with self.reading() as connection:
            return tuple(_posting_from(row) for row in connection.execute(wanted).mappings())

    def read_one_sided(self, chain_id: int, wallet: str) -> tuple[OneSided, ...]:
        """Changes whose sides are not two that sum to nothing, unless a person has balanced them."""
        with self.reading() as connection:
            suspects = connection.execute(_not_in_pairs(chain_id, wallet)).all()
            found = [_one_sided(connection, chain_id, wallet, *suspect) for suspect in suspects]
        return tuple(one for one in found if one is not None)

    def read_unbooked_postings(self, found: Sequence[Posting]) -> tuple[Posting, ...]:
        """Those whose change has no side in the books yet."""
        with self.reading() as connection:
            return tuple(one for one in found if not _is_booked(connection, one))

    def record_discrepancies(self, found: Sequence[Discrepancy]) -> None:
        """Note what a proof found."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self.writing(proves=True) as connection:  # as a halt: it is tried whatever was refused before
            for one in found:
                row = {
                    "chain_id": one.chain_id,
                    "wallet": one.wallet.lower(),
                    "block_number": one.block_number,
                    "subject": one.subject,
                    "booked": str(one.booked),
                    "on_chain": None if one.on_chain is None else str(one.on_chain),
                    "text": one.text,
                    "found_at": now,
                }
                connection.execute(sa.insert(discrepancies).values(row))

    def read_discrepancies(self, chain_id: int, wallet: str) -> tuple[Discrepancy, ...]:
        """All that proofs of a wallet's books ever found, oldest first."""
        wanted = sa.select(discrepancies).where(_of_wallet(discrepancies, chain_id, wallet))
        with self.reading() as connection:
            rows = connection.execute(wanted.order_by(discrepancies.c.seq)).mappings().all()
        return tuple(
            Discrepancy(
                chain_id=row["chain_id"],
                wallet=row["wallet"],
                block_number=row["block_number"],
                subject=row["subject"],
                booked=int(row["booked"]),
                on_chain=None if row["on_chain"] is None else int(row["on_chain"]),
                text=row["text"],
                found_at=datetime.fromisoformat(row["found_at"]),
            )
            for row in rows
        )


def insert_postings(connection: sa.Connection, added: Sequence[Posting]) -> None:
    """Insert postings; one that is there already is refused by the table."""
    for one in added:
        connection.execute(sa.insert(postings).values(_row(one)))


def reverse_changes(connection: sa.Connection, key: str) -> None:
    """Undo what an intent had booked, both sides of it.

    Its rows stay, under a name of the lost block; others take them back. The transaction may be mined again with the
    same hash: its own rows need the place.
    """
    for table, others in ((ledger, {"kind": "reorg"}), (postings, {})):
        booked = connection.execute(sa.select(table).where(table.c.intent_key == key)).mappings().all()
        for row in booked:
            if row["tx_hash"].startswith(GONE):
                continue
            # Both sides of a change get one name: that of the first of them ever to be taken back.
            gone = f"{GONE}{_times_gone(connection, row)}:{row['tx_hash']}"
            connection.execute(sa.update(table).where(table.c.seq == row["seq"]).values(tx_hash=gone))
            taken_back = {name: value for name, value in row.items() if name != "seq"}
            taken_back |= {"delta": str(-int(row["delta"])), "tx_hash": f"{gone}:back", **others}
            connection.execute(sa.insert(table).values(taken_back))


def _times_gone(connection: sa.Connection, row: sa.RowMapping) -> int:
    """How often this very side was taken back before; the same for all sides of a change."""
    table = ledger if "kind" in row else postings
    same = _of_wallet(table, row["chain_id"], row["wallet"]) & (table.c.token == row["token"])
    same &= (table.c.log_index == row["log_index"]) & table.c.tx_hash.like(f"{GONE}%:{row['tx_hash']}")
    same &= table.c.account == row["account"] if table is postings else sa.true()
    return int(connection.execute(sa.select(sa.func.count()).select_from(table).where(same)).scalar_one())


def _not_in_pairs(chain_id: int, wallet: str) -> sa.Select[Any, Any, Any]:
    """Select changes that are not two rows of one amount and opposite signs; amounts are text, and compared as such."""
    rows = sa.union_all(
        *(
            sa.select(*(table.c[name] for name in _SIDES)).where(_of_wallet(table, chain_id, wallet))
            for table in (ledger, postings)
        )
    ).subquery()
    amount = sa.func.replace(rows.c.delta, "-", "")
    sign = sa.case((rows.c.delta == "0", 0), (rows.c.delta.like("-%"), -1), else_=1)
    change = (rows.c.tx_hash, rows.c.log_index, rows.c.token)
    clean = (sa.func.count() == 2) & (sa.func.min(amount) == sa.func.max(amount)) & (sa.func.sum(sign) == 0)
    return sa.select(*change).group_by(*change).having(sa.not_(clean)).order_by(*change)


def _one_sided(
    connection: sa.Connection, chain_id: int, wallet: str, tx_hash: str, log_index: int, token: str
) -> OneSided | None:
    sides: list[int] = []
    adjusted = False
    for table in (ledger, postings):
        same = _of_wallet(table, chain_id, wallet) & (table.c.tx_hash == tx_hash)
        same &= (table.c.log_index == log_index) & (table.c.token == token)
        for row in connection.execute(sa.select(table).where(same)).mappings():
            sides.append(int(row["delta"]))
            adjusted |= row.get("account") == ADJUSTMENT
    if adjusted and sum(sides) == 0:
        return None
    return OneSided(tx_hash=tx_hash, log_index=log_index, token=token, sides=len(sides), total=sum(sides))


def _is_booked(connection: sa.Connection, one: Posting) -> bool:
    row = _row(one)
    same = sa.and_(*(postings.c[name] == row[name] for name in ("chain_id", "wallet", "tx_hash", "log_index", "token")))
    return connection.execute(sa.select(postings.c.seq).where(same)).first() is not None


def _row(one: Posting) -> dict[str, object]:
    return {
        "chain_id": one.chain_id,
        "wallet": one.wallet.lower(),
        "account": one.account,
        "token": one.token.lower(),
        "delta": str(one.delta),
        "tx_hash": one.tx_hash.lower(),
        "log_index": one.log_index,
        "intent_key": one.intent_key,
    }


def _posting_from(row: sa.RowMapping) -> Posting:
    return Posting(
        chain_id=row["chain_id"],
        wallet=row["wallet"],
        tx_hash=row["tx_hash"],
        log_index=row["log_index"],
        account=row["account"],
        token=row["token"],
        delta=int(row["delta"]),
        intent_key=row["intent_key"],
    )


def _of_wallet(table: sa.Table, chain_id: int, wallet: str) -> sa.ColumnElement[bool]:
    return (table.c.chain_id == chain_id) & (table.c.wallet == wallet.lower())
