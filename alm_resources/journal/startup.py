"""What a start remembers of chains: code of contracts as first seen, a known block, when all was last in order."""

from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa

from alm_core.model.startup import ContractCode, KnownBlock
from alm_resources.journal.books import of_wallet, put
from alm_resources.journal.database import Database
from alm_resources.journal.tables import code_pins, full_checks, known_blocks


class StartupMemory:
    """Pins of a journal's database.

    Parameters
    ----------
    database
        An open journal.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def read_pins(self, chain_id: int) -> dict[str, ContractCode]:
        """Code of contracts as it was first seen or last accepted, by lower-case address."""
        wanted = sa.select(code_pins).where(code_pins.c.chain_id == chain_id)
        with self._database.reading() as connection:
            return {
                row["address"]: ContractCode(
                    chain_id=chain_id,
                    address=row["address"],
                    code_hash=row["code_hash"],
                    implementation=row["implementation"],
                    implementation_hash=row["implementation_hash"],
                )
                for row in connection.execute(wanted).mappings()
            }

    def add_pins(self, codes: Sequence[ContractCode], *, replace: bool = False) -> None:
        """Remember code of contracts; what is pinned already stays as it is unless told otherwise."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with self._database.writing() as connection:
            for code in codes:
                same = (code_pins.c.chain_id == code.chain_id) & (code_pins.c.address == code.address.lower())
                if replace:
                    connection.execute(sa.delete(code_pins).where(same))
                if connection.execute(sa.select(code_pins.c.address).where(same)).first() is None:
                    values = {
                        "chain_id": code.chain_id,
                        "address": code.address.lower(),
                        "code_hash": code.code_hash,
                        "implementation": code.implementation,
                        "implementation_hash": code.implementation_hash,
                        "seen_at": now,
                    }
                    connection.execute(sa.insert(code_pins).values(values))

    def read_known_block(self, chain_id: int) -> KnownBlock | None:
        """Return the block that the chain must still have; ``None`` before the first start."""
        wanted = sa.select(known_blocks).where(known_blocks.c.chain_id == chain_id)
        with self._database.reading() as connection:
            row = connection.execute(wanted).mappings().first()
        if row is None:
            return None
        return KnownBlock(chain_id=chain_id, number=row["number"], block_hash=row["block_hash"])

    def store_known_block(self, block: KnownBlock) -> None:
        """Remember a final block in place of an older one."""
        values = {"number": block.number, "block_hash": block.block_hash}
        same = known_blocks.c.chain_id == block.chain_id
        with self._database.writing() as connection:
            if connection.execute(sa.update(known_blocks).where(same).values(values)).rowcount == 0:
                connection.execute(sa.insert(known_blocks).values({"chain_id": block.chain_id, **values}))

    def read_checked_at(self, chain_id: int, wallet: str) -> datetime | None:
        """Return when all was last in order, by the chain's clock."""
        wanted = sa.select(full_checks.c.checked_at).where(of_wallet(full_checks, chain_id, wallet))
        with self._database.reading() as connection:
            text = connection.execute(wanted).scalar()
        return None if text is None else datetime.fromisoformat(text)

    def store_checked_at(self, chain_id: int, wallet: str, checked_at: datetime) -> None:
        """Note that all is in order, at a moment of the chain's clock."""
        with self._database.writing() as connection:
            put(connection, full_checks, chain_id, wallet, {"checked_at": checked_at.isoformat(timespec="seconds")})
