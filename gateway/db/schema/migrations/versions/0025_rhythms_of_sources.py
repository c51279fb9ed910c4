"""How often events usually come to sources

Revision ID: 0025
Revises: 0024
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.db.types import Identifier, UtcTimestamp

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_IS_AWAITED = sa.text("silent_from IS NOT NULL AND silent_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "source_rhythms",
        sa.Column("source_id", Identifier, nullable=False),
        sa.Column("rates", sa.JSON(), nullable=False),
        sa.Column("seen_hours", sa.Integer(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("last_at", UtcTimestamp(), nullable=False),
        sa.Column("longest", sa.JSON(), nullable=False),
        sa.Column("silent_from", UtcTimestamp(), nullable=True),
        sa.Column("silent_at", UtcTimestamp(), nullable=True),
        sa.Column("tenant_id", Identifier, nullable=False),
        sa.PrimaryKeyConstraint("source_id", name=op.f("pk_source_rhythms")),
    )
    op.create_index(
        "ix_source_rhythms_silent_from",
        "source_rhythms",
        ["silent_from"],
        sqlite_where=_IS_AWAITED,
        postgresql_where=_IS_AWAITED,
    )
    op.create_index("ix_source_rhythms_tenant_id", "source_rhythms", ["tenant_id"])
    op.create_table(
        "rhythm_marks",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("learned_to", Identifier, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_rhythm_marks")),
    )


def downgrade() -> None:
    op.drop_table("rhythm_marks")
    op.drop_table("source_rhythms")
