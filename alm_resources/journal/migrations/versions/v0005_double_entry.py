"""The other side of every ledger entry, and what proofs of the books found.

Accounts of entries booked before are told from their kind, and from the action and contracts of their intent. What a
position was counted in is not known of that time: the next reconciliation takes it from the chain.
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_BY_KIND = {
    "opening": "external",
    "deposit": "external",
    "withdrawal": "external",
    "gas": "gas",
    "adjustment": "adjustment",
    "bridge": "bridge:unknown",
    "fees": "fees:unknown",
    "rewards": "rewards:unknown",
}
_OF_POSITIONS = ("open", "add", "remove", "close", "collect", "stake", "unstake")
_NATIVE = "native"
_BATCH = 1_000


def upgrade() -> None:
    """Add the tables, and a posting for each entry."""
    op.create_table(
        "postings",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("chain_id", sa.BigInteger, nullable=False),
        sa.Column("wallet", sa.String(42), nullable=False),
        sa.Column("account", sa.String(160), nullable=False),
        sa.Column("token", sa.String(42), nullable=False),
        sa.Column("delta", sa.Text, nullable=False),
        sa.Column("tx_hash", sa.String(100), nullable=False),
        sa.Column("log_index", sa.Integer, nullable=False),
        sa.Column("intent_key", sa.String(64)),
        sa.UniqueConstraint(
            "chain_id", "wallet", "tx_hash", "log_index", "token", "account", name="one_posting_per_side"
        ),
        sa.Index("postings_by_intent", "intent_key"),
    )
    op.create_table(
        "discrepancies",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("chain_id", sa.BigInteger, nullable=False),
        sa.Column("wallet", sa.String(42), nullable=False),
        sa.Column("block_number", sa.BigInteger, nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("booked", sa.Text, nullable=False),
        sa.Column("on_chain", sa.Text),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("found_at", sa.String(32), nullable=False),
        sa.Index("discrepancies_by_wallet", "chain_id", "wallet"),
    )
    _book_other_sides(op.get_bind())


def downgrade() -> None:
    """Drop them; the wallet's side stays."""
    op.drop_table("discrepancies")
    op.drop_table("postings")


def _book_other_sides(connection: sa.Connection) -> None:
    tables = sa.MetaData()
    postings = sa.Table("postings", tables, autoload_with=connection)
    ledger = sa.Table("ledger", tables, autoload_with=connection)
    entries = connection.execute(sa.select(ledger).order_by(ledger.c.seq)).mappings().all()
    if not entries:
        return
    payloads = {key: json.loads(text) for key, text in connection.execute(sa.text("SELECT key, tx FROM intents"))}
    opened = {
        key: (manager, token_id)
        for key, manager, token_id in connection.execute(
            sa.text("SELECT opened_by, manager, token_id FROM positions WHERE opened_by IS NOT NULL")
        )
    }
    taken_back = {e["tx_hash"] + ":back": e for e in entries if e["tx_hash"].startswith("gone:")}
    rows: list[dict[str, Any]] = []
    for entry in entries:
        told = taken_back.get(entry["tx_hash"], entry) if entry["kind"] == "reorg" else entry
        account = _account(told, payloads.get(told["intent_key"]), opened.get(told["intent_key"]))
        row = {name: entry[name] for name in ("chain_id", "wallet", "token", "tx_hash", "log_index", "intent_key")}
        rows.append({**row, "account": account, "delta": str(-int(entry["delta"]))})
    for start in range(0, len(rows), _BATCH):
        connection.execute(sa.insert(postings), rows[start : start + _BATCH])


def _account(entry: Any, payload: dict[str, Any] | None, opened: tuple[str, str] | None) -> str:
    if payload is None or entry["kind"] not in ("transfer", "fees", "rewards"):
        return _BY_KIND.get(entry["kind"], "unsorted:unknown")
    to, action = str(payload["to"]).lower(), payload["action"]
    if entry["kind"] == "rewards":
        return f"rewards:{to}"
    place = _place(payload, opened)
    if entry["kind"] == "fees":
        return f"fees:{place or to}"
    if action == "swap":
        return f"swap:{to}"
    if action == "bridge":
        return f"bridge:{to}" if entry["token"] == _NATIVE else f"transit:{entry['intent_key']}"
    return f"position:{place}" if place and action in _OF_POSITIONS else f"unsorted:{to}"


def _place(payload: dict[str, Any], opened: tuple[str, str] | None) -> str | None:
    """Keeper and token id where the payload or the journal's positions tell it."""
    if opened is not None:
        return f"{opened[0]}:{opened[1]}"
    token_id = payload.get("closes_token_id") or payload.get("adds_token_id")
    if not token_id:
        return None
    events_from = str(payload.get("liquidity_events_from") or "").lower()
    # The id of a position in bins is the address of its pair.
    in_bins = events_from and int(events_from, 16) == token_id
    return f"{events_from if in_bins else str(payload['to']).lower()}:{token_id}"
