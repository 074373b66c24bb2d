"""The books part of the journal: ledger, positions, reconciled blocks, and who leads.

An entry is never stored without its other side (:mod:`alm_resources.journal.postings`).
"""

from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa

from alm_core.accounting.postings import posting_of
from alm_core.model.books import LedgerEntry, PositionChange, Posting, ReconciledPoint
from alm_core.model.errors import NotReconciled
from alm_resources.journal.postings import GONE, Postings, insert_postings
from alm_resources.journal.rows import entry_from, entry_row
from alm_resources.journal.tables import leaders, ledger, positions, reconciled

_Wallet = tuple[int, str]


class Books(Postings):
    """Ledger, positions and reconciled blocks of wallets; base of :class:`~alm_resources.journal.SqlJournal`."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._fences: dict[_Wallet, int] = {}

    def take_lead(self, chain_id: int, wallet: str) -> int:
        """Become the only executor of a wallet on a chain."""
        where = of_wallet(leaders, chain_id, wallet)
        with self.writing(proves=True) as connection:
            fence = (connection.execute(sa.select(leaders.c.fence).where(where)).scalar() or 0) + 1
            put(connection, leaders, chain_id, wallet, {"fence": fence})
        self._fences[(chain_id, wallet.lower())] = fence
        return fence

    def add_ledger_entries(self, entries: Sequence[LedgerEntry]) -> None:
        """Insert entries; those already there stay as they are."""
        with self.writing() as connection:
            self.refuse_fenced(connection, {(entry.chain_id, entry.wallet) for entry in entries})
            insert_entries(connection, entries)

    def read_unbooked(self, entries: Sequence[LedgerEntry]) -> tuple[LedgerEntry, ...]:
        """Those of the entries that the ledger does not hold yet."""
        with self.reading() as connection:
            return tuple(entry for entry in entries if not _is_booked(connection, entry_row(entry)))

    def read_ledger_sums(self, chain_id: int, wallet: str, *, kind: str | None = None) -> dict[str, int]:
        """Sum of all entries, or of those of one kind, by token.

        What a lost block had booked and what took it back cancel each other; they count for no kind.
        """
        wanted = of_wallet(ledger, chain_id, wallet)
        if kind is not None:
            wanted &= (ledger.c.kind == kind) & ledger.c.tx_hash.not_like(f"{GONE}%")
        sums: dict[str, int] = {}
        with self.reading() as connection:
            rows = connection.execute(sa.select(ledger.c.token, ledger.c.delta).where(wanted))
            for token, delta in rows:
                sums[token] = sums.get(token, 0) + int(delta)
        return sums

    def read_entries(self, chain_id: int, wallet: str) -> tuple[LedgerEntry, ...]:
        """All entries of a wallet on a chain, oldest first, without their other sides."""
        wanted = sa.select(ledger).where(of_wallet(ledger, chain_id, wallet)).order_by(ledger.c.seq)
        with self.reading() as connection:
            return tuple(entry_from(dict(row)) for row in connection.execute(wanted).mappings())

    def read_positions(self, chain_id: int, wallet: str) -> frozenset[tuple[str, int]]:
        """Positions held to be open, as (manager, token id)."""
        where = of_wallet(positions, chain_id, wallet) & positions.c.is_open.is_(True)
        with self.reading() as connection:
            rows = connection.execute(sa.select(positions.c.manager, positions.c.token_id).where(where))
            return frozenset((manager, int(token_id)) for manager, token_id in rows)

    def read_opened(self, intent_key: str) -> frozenset[tuple[str, int]]:
        """Positions that the transaction of an intent opened, as (manager, token id)."""
        opened = sa.select(positions.c.manager, positions.c.token_id).where(positions.c.opened_by == intent_key)
        with self.reading() as connection:
            return frozenset((manager, int(token_id)) for manager, token_id in connection.execute(opened))

    def read_reconciled(self, chain_id: int, wallet: str) -> ReconciledPoint | None:
        """Where the last green reconciliation stood."""
        with self.reading() as connection:
            where = of_wallet(reconciled, chain_id, wallet)
            row = connection.execute(sa.select(reconciled).where(where)).mappings().first()
        if row is None:
            return None
        return ReconciledPoint(
            chain_id=chain_id,
            wallet=wallet,
            block_number=row["block_number"],
            block_hash=row["block_hash"],
            nonce=row["nonce"],
        )

    def record_reconciled(
        self,
        point: ReconciledPoint,
        entries: Sequence[LedgerEntry],
        positions: Sequence[PositionChange],
        *,
        postings: Sequence[Posting] = (),
    ) -> None:
        """Book what was adopted and remember the block."""
        with self.writing() as connection:
            self.refuse_fenced(connection, {(point.chain_id, point.wallet)})
            insert_entries(connection, entries)
            insert_postings(connection, postings)
            record_positions(connection, positions)
            seen = {"block_number": point.block_number, "block_hash": point.block_hash, "nonce": point.nonce}
            put(connection, reconciled, point.chain_id, point.wallet, seen)

    def refuse_fenced(self, connection: sa.Connection, wallets: Collection[_Wallet]) -> None:
        """Refuse a change for a wallet whose lead this journal object had and lost."""
        for chain_id, wallet in wallets:
            mine = self._fences.get((chain_id, wallet.lower()))
            if mine is None:
                continue
            fence = connection.execute(sa.select(leaders.c.fence).where(of_wallet(leaders, chain_id, wallet))).scalar()
            if fence != mine:
                raise NotReconciled(
                    f"another executor leads wallet {wallet} on chain {chain_id} (fence {fence}, ours {mine})"
                )


def insert_entries(connection: sa.Connection, entries: Sequence[LedgerEntry]) -> None:
    """Insert entries that are not there yet, each with its other side."""
    for entry in entries:
        row = entry_row(entry)
        if not _is_booked(connection, row):
            connection.execute(sa.insert(ledger).values(row))
            insert_postings(connection, [posting_of(entry)])


def record_positions(connection: sa.Connection, changes: Sequence[PositionChange]) -> None:
    """Remember positions as open or closed."""
    for change in changes:
        identity = {"manager": change.manager.lower(), "token_id": str(change.token_id)}
        by = {"opened_by" if change.opened else "closed_by": change.intent_key, "is_open": change.opened}
        put(connection, positions, change.chain_id, change.wallet, by, identity)


def _is_booked(connection: sa.Connection, row: Mapping[str, object]) -> bool:
    identity = ("chain_id", "wallet", "tx_hash", "log_index", "token")
    same = sa.and_(*(ledger.c[name] == row[name] for name in identity))
    return connection.execute(sa.select(ledger.c.seq).where(same)).first() is not None


def of_wallet(table: sa.Table, chain_id: int, wallet: str) -> sa.ColumnElement[bool]:
    return (table.c.chain_id == chain_id) & (table.c.wallet == wallet.lower())


def put(
    connection: sa.Connection,
    table: sa.Table,
    chain_id: int,
    wallet: str,
    values: Mapping[str, object],
    identity: Mapping[str, str] | None = None,
) -> None:
    # Safe without an upsert: every writer holds the only write lock.
    further = identity or {}
    where = sa.and_(of_wallet(table, chain_id, wallet), *(table.c[name] == value for name, value in further.items()))
    if connection.execute(sa.update(table).where(where).values(values)).rowcount == 0:
        key = {"chain_id": chain_id, "wallet": wallet.lower(), **further}
        connection.execute(sa.insert(table).values({**key, **values}))
