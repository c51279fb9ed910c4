"""Replays of many events, which a worker carries out

Revision ID: 0017
Revises: 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.db.types import Identifier, UtcTimestamp

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_IS_OPEN = sa.text("state IN ('pending', 'running')")
_IS_RUNNING = sa.text("state = 'running'")


def upgrade() -> None:
    op.create_table(
        "replays",
        sa.Column("id", Identifier, nullable=False),
        sa.Column("tenant_id", Identifier, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("is_plan", sa.Boolean(), nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("position", Identifier, nullable=False),
        sa.Column("reached_at", UtcTimestamp(), nullable=True),
        sa.Column("asker_kind", sa.String(16), nullable=False),
        sa.Column("asker_id", Identifier, nullable=True),
        sa.Column("asker_name", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("created_at", UtcTimestamp(), nullable=False),
        sa.Column("started_at", UtcTimestamp(), nullable=True),
        sa.Column("finished_at", UtcTimestamp(), nullable=True),
        sa.Column("scheduled_at", UtcTimestamp(), nullable=False),
        sa.Column("lease_token", Identifier, nullable=True),
        sa.Column("lease_expires_at", UtcTimestamp(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replays")),
    )
    op.create_index("ix_replays_tenant_id_id", "replays", ["tenant_id", "id"])
    op.create_index(
        "ix_replays_open", "replays", ["scheduled_at", "id"], sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN
    )
    op.create_index(
        "ix_replays_running",
        "replays",
        ["tenant_id"],
        unique=True,
        sqlite_where=_IS_RUNNING,
        postgresql_where=_IS_RUNNING,
    )


def downgrade() -> None:
    op.drop_table("replays")
