"""Tables of the journal. Integers that meet a chain are text: no database integer holds 256 bits."""

import sqlalchemy as sa

HEAD_REVISION = "0005"
"""Newest migration; a database that already carries it is opened without loading Alembic."""

metadata = sa.MetaData()

leaders = sa.Table(
    "leaders",
    metadata,
    sa.Column("chain_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("wallet", sa.String(42), primary_key=True),
    sa.Column("fence", sa.BigInteger, nullable=False),
)

intents = sa.Table(
    "intents",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("key", sa.String(64), nullable=False, unique=True),
    sa.Column("epoch_id", sa.String, nullable=False, index=True),
    sa.Column("pair", sa.String, nullable=False),
    sa.Column("chain_id", sa.BigInteger, nullable=False),
    sa.Column("wallet", sa.String(42), nullable=False),
    sa.Column("plan_hash", sa.String(64), nullable=False, index=True),
    sa.Column("step_no", sa.Integer, nullable=False),
    sa.Column("tx", sa.Text, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("nonce", sa.BigInteger),
    sa.Column("tx_hash", sa.String(66)),
    sa.Column("detail", sa.Text, nullable=False),
    sa.UniqueConstraint("chain_id", "wallet", "nonce", name="one_intent_per_nonce"),
    sa.Index("intents_by_state", "chain_id", "wallet", "state"),
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("intent_key", sa.String(64), sa.ForeignKey("intents.key"), primary_key=True),
    sa.Column("attempt_no", sa.Integer, primary_key=True),
    sa.Column("raw", sa.Text, nullable=False),
    sa.Column("tx_hash", sa.String(66), nullable=False, index=True),
    sa.Column("cancels", sa.Boolean, nullable=False),
    sa.Column("gas_limit", sa.Text, nullable=False),
    sa.Column("max_fee_per_gas_wei", sa.Text, nullable=False),
    sa.Column("max_priority_fee_per_gas_wei", sa.Text, nullable=False),
    sa.Column("signed_at", sa.String(32), nullable=False),
    sa.Column("l1_fee_wei", sa.Text, nullable=False),
)

receipts = sa.Table(
    "receipts",
    metadata,
    sa.Column("intent_key", sa.String(64), sa.ForeignKey("intents.key"), primary_key=True),
    sa.Column("tx_hash", sa.String(66), nullable=False, unique=True),
    sa.Column("block_number", sa.BigInteger, nullable=False),
    sa.Column("block_hash", sa.String(66), nullable=False),
    sa.Column("succeeded", sa.Boolean, nullable=False),
    sa.Column("gas_used", sa.Text, nullable=False),
    sa.Column("effective_gas_price_wei", sa.Text, nullable=False),
    sa.Column("l1_fee_wei", sa.Text, nullable=False),
    sa.Column("is_final", sa.Boolean, nullable=False),
)

transitions = sa.Table(
    "transitions",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("intent_key", sa.String(64), sa.ForeignKey("intents.key"), nullable=False, index=True),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("recorded_at", sa.String(32), nullable=False),
)

ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("chain_id", sa.BigInteger, nullable=False),
    sa.Column("wallet", sa.String(42), nullable=False),
    sa.Column("token", sa.String(42), nullable=False),
    sa.Column("delta", sa.Text, nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("tx_hash", sa.String(100), nullable=False),
    sa.Column("log_index", sa.Integer, nullable=False),
    sa.Column("intent_key", sa.String(64)),
    sa.UniqueConstraint("chain_id", "wallet", "tx_hash", "log_index", "token", name="one_entry_per_change"),
)

postings = sa.Table(
    "postings",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("chain_id", sa.BigInteger, nullable=False),
    sa.Column("wallet", sa.String(42), nullable=False),
    sa.Column("account", sa.String(160), nullable=False),
    sa.Column("token", sa.String(42), nullable=False),
    sa.Column("delta", sa.Text, nullable=False),
    sa.Column("tx_hash", sa.String(100), nullable=False),
    sa.Column("log_index", sa.Integer, nullable=False),
    sa.Column("intent_key", sa.String(64)),
    sa.UniqueConstraint("chain_id", "wallet", "tx_hash", "log_index", "token", "account", name="one_posting_per_side"),
    sa.Index("postings_by_intent", "intent_key"),
)

discrepancies = sa.Table(
    "discrepancies",
    metadata,
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

positions = sa.Table(
    "positions",
    metadata,
    sa.Column("chain_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("wallet", sa.String(42), primary_key=True),
    sa.Column("manager", sa.String(42), primary_key=True),
    sa.Column("token_id", sa.String(78), primary_key=True),
    sa.Column("is_open", sa.Boolean, nullable=False),
    sa.Column("opened_by", sa.String(64)),
    sa.Column("closed_by", sa.String(64)),
)

reconciled = sa.Table(
    "reconciled",
    metadata,
    sa.Column("chain_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("wallet", sa.String(42), primary_key=True),
    sa.Column("block_number", sa.BigInteger, nullable=False),
    sa.Column("block_hash", sa.String(66), nullable=False),
    sa.Column("nonce", sa.BigInteger, nullable=False),
)

standstills = sa.Table(
    "standstills",
    metadata,
    sa.Column("chain_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("wallet", sa.String(42), primary_key=True),
    sa.Column("mode", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("set_by", sa.String(64), nullable=False),
    sa.Column("set_at", sa.String(32), nullable=False),
)

marks = sa.Table(
    "marks",
    metadata,
    sa.Column("pair", sa.String, primary_key=True),
    sa.Column("wallet", sa.String(42), primary_key=True),
    sa.Column("epoch_at", sa.String(32), primary_key=True),
    *(
        sa.Column(name, sa.Float, nullable=False)
        for name in ("nav_usd", "base_usd", "quote_usd", "base_amount", "quote_amount", "base_flow", "quote_flow")
    ),
)

transfers = sa.Table(
    "transfers",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("intent_key", sa.String(64), sa.ForeignKey("intents.key"), nullable=False, unique=True),
    sa.Column("pair", sa.String, nullable=False),
    sa.Column("wallet", sa.String(42), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("transfer", sa.Text, nullable=False),
    sa.Index("transfers_by_wallet", "pair", "wallet", "state"),
)

limit_versions = sa.Table(
    "limit_versions",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("limits", sa.Text, nullable=False),
    sa.Column("seen_at", sa.String(32), nullable=False),
    sa.Column("in_force_at", sa.String(32), nullable=False),
)

code_pins = sa.Table(
    "code_pins",
    metadata,
    sa.Column("chain_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("address", sa.String(42), primary_key=True),
    sa.Column("code_hash", sa.String(66), nullable=False),
    sa.Column("implementation", sa.String(42)),
    sa.Column("implementation_hash", sa.String(66)),
    sa.Column("seen_at", sa.String(32), nullable=False),
)

known_blocks = sa.Table(
    "known_blocks",
    metadata,
    sa.Column("chain_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("block_hash", sa.String(66), nullable=False),
)

full_checks = sa.Table(
    "full_checks",
    metadata,
    sa.Column("chain_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("wallet", sa.String(42), primary_key=True),
    sa.Column("checked_at", sa.String(32), nullable=False),
)
