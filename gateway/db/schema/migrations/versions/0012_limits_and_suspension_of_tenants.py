"""What tenants may have, where their browsers go back to, and whether they are suspended or being erased

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.db.types import UtcTimestamp

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Programs of the version before name none of these.
    op.add_column("tenants", sa.Column("limits", sa.JSON(), nullable=False, server_default=sa.text("'{}'")))
    op.add_column("tenants", sa.Column("return_origins", sa.JSON(), nullable=False, server_default=sa.text("'[]'")))
    op.add_column("tenants", sa.Column("suspended_at", UtcTimestamp(), nullable=True))
    op.add_column("tenants", sa.Column("erasing_at", UtcTimestamp(), nullable=True))


def downgrade() -> None:
    # Not in a batch, which makes the table anew: other tables refer to it.
    for name in ("erasing_at", "suspended_at", "return_origins", "limits"):
        op.drop_column("tenants", name)
