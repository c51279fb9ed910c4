"""How much of the journal is whose, and up to where it is counted

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.db.types import Identifier

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tenant_usage",
        sa.Column("tenant_id", Identifier, nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("stored_bytes", sa.BigInteger(), nullable=False),
        sa.Column("is_full", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_tenant_usage")),
    )
    marks = op.create_table(
        "usage_marks",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("counted_to", Identifier, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_usage_marks")),
    )
    # A worker counts what is there, from the beginning.
    op.bulk_insert(marks, [{"name": "journal", "counted_to": ""}])


def downgrade() -> None:
    op.drop_table("usage_marks")
    op.drop_table("tenant_usage")
