"""What each rejection takes on the disk, so that all of them together have a bound

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a default: nothing is rewritten, and the version before goes on to add rows without it.
    op.add_column("rejections", sa.Column("stored_bytes", sa.Integer(), nullable=True))
    op.create_index("ix_rejections_id_stored_bytes", "rejections", ["id", "stored_bytes"])


def downgrade() -> None:
    op.drop_index("ix_rejections_id_stored_bytes", "rejections")
    op.drop_column("rejections", "stored_bytes")
