"""Finality of receipts, time of attempts, standstills with a mode, marks of the NAV, transfers, limits in force."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add columns and tables. What was settled before counts as final; what stood still keeps standing still."""
    op.add_column(
        "attempts", sa.Column("signed_at", sa.String(32), nullable=False, server_default="1970-01-01T00:00+00:00")
    )
    op.add_column("receipts", sa.Column("is_final", sa.Boolean, nullable=False, server_default=sa.true()))
    op.create_table(
        "standstills",
        *_wallet_key(),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("set_by", sa.String(64), nullable=False),
        sa.Column("set_at", sa.String(32), nullable=False),
    )
    op.execute(
        "INSERT INTO standstills (chain_id, wallet, mode, reason, set_by, set_at) "
        "SELECT chain_id, wallet, 'halt', reason, 'operator', '1970-01-01T00:00+00:00' FROM halts"
    )
    op.drop_table("halts")
    op.create_table(
        "marks",
        sa.Column("pair", sa.String, primary_key=True),
        sa.Column("wallet", sa.String(42), primary_key=True),
        sa.Column("epoch_at", sa.String(32), primary_key=True),
        *(
            sa.Column(name, sa.Float, nullable=False)
            for name in ("nav_usd", "base_usd", "quote_usd", "base_amount", "quote_amount", "base_flow", "quote_flow")
        ),
    )
    op.create_table(
        "transfers",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("intent_key", sa.String(64), sa.ForeignKey("intents.key"), nullable=False, unique=True),
        sa.Column("pair", sa.String, nullable=False),
        sa.Column("wallet", sa.String(42), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("transfer", sa.Text, nullable=False),
        sa.Index("transfers_by_wallet", "pair", "wallet", "state"),
    )
    op.create_table(
        "limit_versions",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("limits", sa.Text, nullable=False),
        sa.Column("seen_at", sa.String(32), nullable=False),
        sa.Column("in_force_at", sa.String(32), nullable=False),
    )


def downgrade() -> None:
    """Drop what was added. What stands still keeps standing still: the older table knows halts of one wallet only."""
    op.create_table("halts", *_wallet_key(), sa.Column("reason", sa.Text, nullable=False))
    op.execute(
        "INSERT INTO halts (chain_id, wallet, reason) SELECT chain_id, wallet, min(reason) FROM ("
        "SELECT chain_id, wallet, reason FROM standstills UNION "
        "SELECT l.chain_id, l.wallet, s.reason FROM leaders l JOIN standstills s "
        "ON s.chain_id IN (0, l.chain_id) AND s.wallet IN ('*', l.wallet)) AS held GROUP BY chain_id, wallet"
    )
    for table in ("limit_versions", "transfers", "marks", "standstills"):
        op.drop_table(table)
    op.drop_column("receipts", "is_final")
    op.drop_column("attempts", "signed_at")


def _wallet_key() -> tuple[sa.Column[int], sa.Column[str]]:
    return (
        sa.Column("chain_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("wallet", sa.String(42), primary_key=True),
    )
