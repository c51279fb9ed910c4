"""Repeats of events, and what sources do with them; retention of sources

Revision ID: 0023
Revises: 0022
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.db.types import Identifier, UtcTimestamp

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "event_repeats",
        sa.Column("event_id", Identifier, nullable=False),
        sa.Column("tenant_id", Identifier, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("last_at", UtcTimestamp(), nullable=False),
        sa.Column("last_request_id", sa.String(128), nullable=True),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_event_repeats")),
    )
    op.create_index("ix_event_repeats_tenant_id_event_id", "event_repeats", ["tenant_id", "event_id"])
    op.create_table(
        "source_purges",
        sa.Column("source_id", Identifier, nullable=False),
        sa.Column("tenant_id", Identifier, nullable=False),
        sa.Column("purged_to", Identifier, nullable=False),
        sa.PrimaryKeyConstraint("source_id", name=op.f("pk_source_purges")),
    )
    op.add_column(
        "sources", sa.Column("redelivers_duplicates", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("sources", sa.Column("retention_days", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("sources", "retention_days")
    op.drop_column("sources", "redelivers_duplicates")
    op.drop_table("source_purges")
    op.drop_table("event_repeats")
