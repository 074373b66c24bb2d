"""Intents with their attempts, receipts and history; ledger, positions, reconciled blocks, leaders, halts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create all tables."""
    op.create_table("leaders", *_wallet_key(), sa.Column("fence", sa.BigInteger, nullable=False))
    _create_intents()
    _create_attempts()
    _create_receipts()
    op.create_table(
        "transitions",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("intent_key", sa.String(64), sa.ForeignKey("intents.key"), nullable=False, index=True),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.String(32), nullable=False),
    )
    _create_ledger()
    _create_positions()
    op.create_table(
        "reconciled",
        *_wallet_key(),
        sa.Column("block_number", sa.BigInteger, nullable=False),
        sa.Column("block_hash", sa.String(66), nullable=False),
        sa.Column("nonce", sa.BigInteger, nullable=False),
    )
    op.create_table("halts", *_wallet_key(), sa.Column("reason", sa.Text, nullable=False))


def downgrade() -> None:
    """Drop all tables."""
    for table in (
        "halts",
        "reconciled",
        "positions",
        "ledger",
        "transitions",
        "receipts",
        "attempts",
        "intents",
        "leaders",
    ):
        op.drop_table(table)


def _wallet_key() -> tuple[sa.Column[int], sa.Column[str]]:
    return (
        sa.Column("chain_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("wallet", sa.String(42), primary_key=True),
    )


def _create_intents() -> None:
    op.create_table(
        "intents",
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
    )
    op.create_index("intents_by_state", "intents", ["chain_id", "wallet", "state"])


def _create_attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("intent_key", sa.String(64), sa.ForeignKey("intents.key"), primary_key=True),
        sa.Column("attempt_no", sa.Integer, primary_key=True),
        sa.Column("raw", sa.Text, nullable=False),
        sa.Column("tx_hash", sa.String(66), nullable=False, index=True),
        sa.Column("cancels", sa.Boolean, nullable=False),
        sa.Column("gas_limit", sa.Text, nullable=False),
        sa.Column("max_fee_per_gas_wei", sa.Text, nullable=False),
        sa.Column("max_priority_fee_per_gas_wei", sa.Text, nullable=False),
    )


def _create_receipts() -> None:
    op.create_table(
        "receipts",
        sa.Column("intent_key", sa.String(64), sa.ForeignKey("intents.key"), primary_key=True),
        sa.Column("tx_hash", sa.String(66), nullable=False, unique=True),
        sa.Column("block_number", sa.BigInteger, nullable=False),
        sa.Column("block_hash", sa.String(66), nullable=False),
        sa.Column("succeeded", sa.Boolean, nullable=False),
        sa.Column("gas_used", sa.Text, nullable=False),
        sa.Column("effective_gas_price_wei", sa.Text, nullable=False),
        sa.Column("l1_fee_wei", sa.Text, nullable=False),
    )


def _create_ledger() -> None:
    op.create_table(
        "ledger",
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


def _create_positions() -> None:
    op.create_table(
        "positions",
        *_wallet_key(),
        sa.Column("manager", sa.String(42), primary_key=True),
        sa.Column("token_id", sa.String(78), primary_key=True),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.Column("opened_by", sa.String(64)),
        sa.Column("closed_by", sa.String(64)),
    )
