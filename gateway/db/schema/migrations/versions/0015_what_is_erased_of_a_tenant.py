"""What is erased of a tenant so far, for an erase that was killed

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tenants", sa.Column("erased", sa.JSON(), nullable=True))


def downgrade() -> None:
    # Not in a batch, which makes the table anew: other tables refer to it.
    op.drop_column("tenants", "erased")
