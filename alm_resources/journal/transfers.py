"""Transfers between chains: stored with the intent that sends them, moved on by what the chains show."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from alm_core.model.books import LedgerEntry
from alm_core.model.errors import IllegalStep
from alm_core.model.transfers import BridgeTransfer, TransferState
from alm_resources.journal.books import Books, insert_entries
from alm_resources.journal.tables import transfers

_TRANSFER: TypeAdapter[BridgeTransfer] = TypeAdapter(BridgeTransfer)
_FINISHED = tuple(state.value for state in TransferState if state.terminal)


class Transfers(Books):
    """Transfers of wallets; base of :class:`~alm_resources.journal.SqlJournal`."""

    def read_transfers(self, pair: str, wallet: str, *, open_only: bool = True) -> tuple[BridgeTransfer, ...]:
        """Transfers of a wallet, oldest first; by default those not finished."""
        wanted = (transfers.c.pair == pair) & (transfers.c.wallet == wallet.lower())
        wanted &= transfers.c.state.not_in(_FINISHED) if open_only else sa.true()
        with self.reading() as connection:
            rows = connection.execute(sa.select(transfers.c.transfer).where(wanted).order_by(transfers.c.seq))
            return tuple(_TRANSFER.validate_json(text) for text in rows.scalars())

    def read_wallet_transfers(self, wallet: str) -> tuple[BridgeTransfer, ...]:
        """All transfers of a wallet, of whatever pair and finished or not, oldest first."""
        wanted = sa.select(transfers.c.transfer).where(transfers.c.wallet == wallet.lower())
        with self.reading() as connection:
            texts = connection.execute(wanted.order_by(transfers.c.seq)).scalars()
            return tuple(_TRANSFER.validate_json(text) for text in texts)

    def store_transfer(self, transfer: BridgeTransfer, entries: Sequence[LedgerEntry] = ()) -> BridgeTransfer:
        """Store a transfer's new state with what it brought, in one database transaction."""
        unfinished = (transfers.c.intent_key == transfer.intent_key) & transfers.c.state.not_in(_FINISHED)
        values = {"state": transfer.state.value, "transfer": transfer_text(transfer)}
        chains = {transfer.from_chain, transfer.to_chain}
        with self.writing() as connection:
            self.refuse_fenced(connection, {(chain_id, transfer.wallet) for chain_id in chains})
            if connection.execute(sa.update(transfers).where(unfinished).values(values)).rowcount != 1:
                raise IllegalStep(f"transfer {transfer.intent_key} is finished or unknown: no step to {transfer.state}")
            insert_entries(connection, entries)
        return transfer


def insert_transfer(connection: sa.Connection, transfer: BridgeTransfer) -> None:
    """Insert a transfer unless it is there."""
    same = transfers.c.intent_key == transfer.intent_key
    if connection.execute(sa.select(transfers.c.seq).where(same)).first() is None:
        row = {
            "intent_key": transfer.intent_key,
            "pair": transfer.pair,
            "wallet": transfer.wallet.lower(),
            "state": transfer.state.value,
            "transfer": transfer_text(transfer),
        }
        connection.execute(sa.insert(transfers).values(row))


def transfer_text(transfer: BridgeTransfer) -> str:
    """Return the JSON of a transfer; integers keep all their digits."""
    values: dict[str, Any] = {**asdict(transfer), "started_at": transfer.started_at.isoformat()}
    return json.dumps(values, sort_keys=True, separators=(",", ":"))
