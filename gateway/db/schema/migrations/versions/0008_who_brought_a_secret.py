"""Who handed over the secret of a source in a handshake: address and request

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sources", sa.Column("confirmed_from", sa.String(length=64), nullable=True))
    op.add_column("sources", sa.Column("confirmed_request_id", sa.String(length=128), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("sources", schema=None) as batch_op:
        batch_op.drop_column("confirmed_request_id")
        batch_op.drop_column("confirmed_from")
