"""The ledger with what every entry was for, and the part of it that lies between two snapshots."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from alm_core.execution.arrivals import BRIDGE
from alm_core.model.accounts import Movement, MovementsBetween
from alm_core.model.market import MarketSnapshot
from alm_core.model.transactions import Action, Intent, UnsignedTransaction
from alm_core.model.transfers import BridgeTransfer
from alm_resources.journal.rows import Row, intent_from
from alm_resources.journal.store import SqlJournal
from alm_resources.journal.tables import intents, ledger, positions, receipts

# Payloads name their place in words alone (alm_resources.dex: "collect fees of position 7 of 8453:0x...").
_POOL = re.compile(r"\b\d+:0x[0-9a-fA-F]{40,64}\b")
_POSITION = re.compile(r"\bposition (\d+)\b")


def read_movements(journal: SqlJournal, wallet: str, after: Mapping[int, int] | None = None) -> tuple[Movement, ...]:
    """Return the ledger of a wallet in the order it was booked; lost blocks are in it.

    Parameters
    ----------
    journal, wallet
        Whose ledger.
    after
        Only what is known to be of a block after this one, by chain id, and all that came from other chains, whose
        blocks nobody knows; ``None`` for the whole ledger.
    """
    mined = (receipts.c.intent_key == ledger.c.intent_key) & (receipts.c.tx_hash == ledger.c.tx_hash)
    wanted = sa.select(ledger, receipts.c.block_number).outerjoin(receipts, mined)
    wanted = wanted.where(ledger.c.wallet == wallet.lower()).order_by(ledger.c.seq)
    if after is not None:
        later = [
            (ledger.c.chain_id == chain_id) & (receipts.c.block_number > number) for chain_id, number in after.items()
        ]
        wanted = wanted.where(sa.or_(ledger.c.kind == BRIDGE, *later))
    with journal.reading() as connection:
        rows = connection.execute(wanted).mappings().all()
        keys = {row["intent_key"] for row in rows if row["intent_key"] is not None}
        known = _intents(connection, wallet, keys if after is not None else None)
        opened = sa.select(positions.c.opened_by, positions.c.token_id).where(
            positions.c.wallet == wallet.lower(), positions.c.opened_by.is_not(None)
        )
        opens = {key: int(token_id) for key, token_id in connection.execute(opened)}
    return tuple(_movement(row, known.get(row["intent_key"]), opens) for row in rows)


def _intents(connection: sa.Connection, wallet: str, keys: Collection[str] | None) -> dict[str, Intent]:
    wanted = sa.select(intents).where(intents.c.wallet == wallet.lower())
    if keys is not None:
        wanted = wanted.where(intents.c.key.in_(sorted(keys)))
    return {row["key"]: intent_from(dict(row)) for row in connection.execute(wanted).mappings()}


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletLedger:
    """The ledger of a wallet, read once, and its transfers between chains."""

    wallet: str
    movements: tuple[Movement, ...]
    transfers: tuple[BridgeTransfer, ...]

    def between(self, before: MarketSnapshot, now: MarketSnapshot) -> MovementsBetween:
        """Return what was booked for the blocks after those of a snapshot and up to those of a later one.

        Notes
        -----
        The ledger does not know the block of what arrives from another chain. It is between the two snapshots if the
        transfer was on its way at the first, or sent since, and is not on its way any more at the second.
        """
        first, last = ({held.block.chain_id: held.block.number for held in seen.holdings} for seen in (before, now))
        arrived = _arrived_between(self.transfers, before, now)
        return MovementsBetween(
            pair=now.pair,
            from_at=before.epoch_at,
            to_at=now.epoch_at,
            movements=tuple(
                one
                for one in self.movements
                if (one.intent_key in arrived if one.kind == BRIDGE else _is_between(one, first, last))
            ),
        )


def read_ledger(journal: SqlJournal, pair: str, wallet: str, after: Mapping[int, int] | None = None) -> WalletLedger:
    """Read the ledger of a wallet, or what is after some blocks, and its transfers, finished or not."""
    transfers = journal.read_transfers(pair, wallet, open_only=False)
    arrived = {one.arrival_tx.lower(): one for one in transfers if one.arrival_tx is not None}
    movements = tuple(
        _of_transfer(one, arrived.get(one.tx_hash.lower())) for one in read_movements(journal, wallet, after)
    )
    return WalletLedger(wallet=wallet, movements=movements, transfers=transfers)


def _of_transfer(one: Movement, transfer: BridgeTransfer | None) -> Movement:
    if one.kind != BRIDGE or transfer is None:
        return one
    return replace(one, intent_key=transfer.intent_key, from_chain=transfer.from_chain)


def movements_between(journal: SqlJournal, before: MarketSnapshot, now: MarketSnapshot) -> MovementsBetween:
    """Return what was booked between two snapshots for the wallet that they are of; nothing where they hold none."""
    wallets = sorted({held.wallet.lower() for held in (*before.holdings, *now.holdings)})
    heads = {held.block.chain_id: held.block.number for held in before.holdings}
    after = {held.block.chain_id: heads.get(held.block.chain_id, -1) for held in now.holdings}
    found = [read_ledger(journal, now.pair, wallet, after).between(before, now) for wallet in wallets]
    return MovementsBetween(
        pair=now.pair,
        from_at=before.epoch_at,
        to_at=now.epoch_at,
        movements=tuple(one for each in found for one in each.movements),
    )


def _is_between(one: Movement, first: Mapping[int, int], last: Mapping[int, int]) -> bool:
    if one.block_number is None or one.chain_id not in last:
        return False
    return first.get(one.chain_id, -1) < one.block_number <= last[one.chain_id]


def _arrived_between(
    transfers: Iterable[BridgeTransfer], before: MarketSnapshot, now: MarketSnapshot
) -> frozenset[str]:
    first, last = _on_its_way(before), _on_its_way(now)
    found: set[str] = set()
    for one in transfers:
        place = _place(one.from_chain, one.to_chain, one.buy_token, one.expected_amount, one.started_at)
        if one.received_amount is None:
            continue
        if last[place]:
            last[place] -= 1
            continue
        if first[place] or before.epoch_at <= one.started_at < now.epoch_at:
            first[place] -= 1
            found.add(one.intent_key)
    return frozenset(found)


def _on_its_way(snapshot: MarketSnapshot) -> Counter[tuple[int, int, str, int, datetime]]:
    return Counter(
        _place(one.from_chain, one.to_chain, one.token, one.amount, one.started_at) for one in snapshot.in_transit
    )


def _place(
    from_chain: int, to_chain: int, token: str, amount: int, at: datetime
) -> tuple[int, int, str, int, datetime]:
    return from_chain, to_chain, token.lower(), amount, at


def _movement(row: Row, intent: Intent | None, opens: Mapping[str, int]) -> Movement:
    tx = intent.tx if intent is not None else None
    pool_id, token_id = (None, None) if tx is None else _place_of(tx, opens.get(row["intent_key"]))
    return Movement(
        chain_id=row["chain_id"],
        token=row["token"],
        delta=int(row["delta"]),
        kind=row["kind"],
        tx_hash=row["tx_hash"],
        log_index=row["log_index"],
        action=tx.action if tx is not None else None,
        epoch_at=_epoch_at(intent.epoch_id) if intent is not None else None,
        block_number=row["block_number"],
        pool_id=pool_id,
        token_id=token_id,
        closes=tx is not None and tx.closes_token_id is not None,
        intent_key=row["intent_key"],
        seq=row["seq"],
    )


def _place_of(tx: UnsignedTransaction, opened: int | None) -> tuple[str | None, int | None]:
    pool, position = _POOL.search(tx.summary), _POSITION.search(tx.summary)
    if tx.action in (Action.APPROVE, Action.APPROVE_RESET, Action.SWAP, Action.BRIDGE, Action.NOOP):
        return None, None
    named = [tx.closes_token_id, tx.adds_token_id, opened, int(position[1]) if position else None]
    return pool[0] if pool else None, next((token_id for token_id in named if token_id is not None), None)


def _epoch_at(epoch_id: str) -> datetime | None:
    text = epoch_id.partition("@")[2].partition("/")[0]
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        # Orders of a person (repairs, exits) have no epoch.
        return None
