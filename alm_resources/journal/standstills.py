"""Standstills: who may sign nothing, and who may only leave. Set at once, lifted by a person."""

from datetime import UTC, datetime

import sqlalchemy as sa

from alm_core.model.books import ANY_CHAIN, ANY_WALLET, Standstill, StandstillMode
from alm_resources.journal.books import of_wallet, put
from alm_resources.journal.database import Database
from alm_resources.journal.tables import standstills


class Standstills(Database):
    """Standstills of wallets; base of :class:`~alm_resources.journal.SqlJournal`."""

    def halt(
        self, chain_id: int, wallet: str, reason: str, *, mode: StandstillMode = "halt", set_by: str = "operator"
    ) -> None:
        """Stop a wallet on a chain, or all of them; a standstill in force is only ever made stricter."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self.writing(proves=True) as connection:  # to stop is tried whatever was refused before
            where = of_wallet(standstills, chain_id, wallet)
            found = connection.execute(sa.select(standstills.c.mode).where(where)).scalar()
            if found is None or (found, mode) == ("withdraw_only", "halt"):
                values = {"mode": mode, "reason": reason, "set_by": set_by, "set_at": now}
                put(connection, standstills, chain_id, wallet, values)

    def lift_halt(self, chain_id: int, wallet: str, *, set_by: str | None = None) -> None:
        """Let a wallet go on, as far as no other standstill holds for it; with ``set_by`` only what that one set."""
        where = of_wallet(standstills, chain_id, wallet)
        where &= standstills.c.set_by == set_by if set_by is not None else sa.true()
        with self.writing() as connection:
            connection.execute(sa.delete(standstills).where(where))

    def read_halt(self, chain_id: int, wallet: str) -> Standstill | None:
        """Return the strictest standstill that holds for a wallet on a chain."""
        holds = standstills.c.chain_id.in_((chain_id, ANY_CHAIN)) & standstills.c.wallet.in_(
            (wallet.lower(), ANY_WALLET)
        )
        with self.reading() as connection:
            rows = connection.execute(sa.select(standstills).where(holds)).mappings()
            found = sorted((_standstill(row) for row in rows), key=lambda one: one.mode)  # "halt" sorts first
        return found[0] if found else None

    def read_halts(self) -> tuple[tuple[int, str, Standstill], ...]:
        """All standstills in force."""
        with self.reading() as connection:
            rows = connection.execute(sa.select(standstills).order_by(standstills.c.chain_id)).mappings()
            return tuple((row["chain_id"], row["wallet"], _standstill(row)) for row in rows)


def _standstill(row: sa.RowMapping) -> Standstill:
    return Standstill(
        mode=row["mode"],
        reason=row["reason"],
        set_by=row["set_by"],
        set_at=datetime.fromisoformat(row["set_at"]),
    )
