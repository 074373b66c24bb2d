"""What a start compares chains with: code of contracts as first seen, a known block, and when all was last in order."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the tables; nothing is known at first."""
    op.create_table(
        "code_pins",
        sa.Column("chain_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("address", sa.String(42), primary_key=True),
        sa.Column("code_hash", sa.String(66), nullable=False),
        sa.Column("implementation", sa.String(42)),
        sa.Column("implementation_hash", sa.String(66)),
        sa.Column("seen_at", sa.String(32), nullable=False),
    )
    op.create_table(
        "known_blocks",
        sa.Column("chain_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("block_hash", sa.String(66), nullable=False),
    )
    op.create_table(
        "full_checks",
        sa.Column("chain_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("wallet", sa.String(42), primary_key=True),
        sa.Column("checked_at", sa.String(32), nullable=False),
    )


def downgrade() -> None:
    """Drop what was added."""
    for table in ("full_checks", "known_blocks", "code_pins"):
        op.drop_table(table)
