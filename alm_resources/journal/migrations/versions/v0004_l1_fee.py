"""What an attempt may cost for data on Ethereum, besides its gas."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column; of older attempts nothing was expected."""
    op.add_column("attempts", sa.Column("l1_fee_wei", sa.Text, nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("attempts", "l1_fee_wei")
