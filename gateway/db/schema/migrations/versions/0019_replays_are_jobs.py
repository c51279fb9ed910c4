"""Replays of many events are jobs

Revision ID: 0019
Revises: 0018
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.db.types import Identifier, UtcTimestamp

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_IS_OPEN = sa.text("state IN ('pending', 'running')")
_IS_RUNNING = sa.text("state = 'running'")

_NAMES = ("id", "tenant_id", "asker_kind", "asker_id", "asker_name", "created_at", "started_at", "scheduled_at")
_REPLAYS = sa.table(
    "replays",
    *[sa.column(name) for name in _NAMES],
    sa.column("state"),
    sa.column("is_plan", sa.Boolean()),
    sa.column("asked", sa.JSON()),
    sa.column("counts", sa.JSON()),
    sa.column("position"),
    sa.column("reached_at", UtcTimestamp()),
)
_JOBS = sa.table(
    "jobs",
    *[sa.column(name) for name in _NAMES],
    *[sa.column(name) for name in ("kind", "state", "due_at", "attempts_made", "deaths", "progress_done")],
    sa.column("is_local", sa.Boolean()),
    sa.column("payload", sa.JSON()),
    sa.column("position", sa.JSON(none_as_null=True)),
)
_COUNTS = ("events", "created", "unshaped", "replayed", "repeated", "arrived", "waiting", "kept_back", "turned_away")


def upgrade() -> None:
    connection = op.get_bind()
    # What is under way goes on as a job, from the last event that was committed.
    open_ones = sa.select(_REPLAYS).where(_REPLAYS.c.state.in_(["pending", "running"]))
    for row in connection.execute(open_ones).all():
        counts = dict.fromkeys((*_COUNTS, "unrouted"), 0) | row.counts
        reached_at = None if row.reached_at is None else row.reached_at.isoformat()
        position = {"after": row.position, "at": reached_at, "counts": counts, "is_over": False}
        values = {name: getattr(row, name) for name in _NAMES}
        values |= {"kind": "events.replay", "state": "pending", "due_at": row.scheduled_at, "attempts_made": 0}
        values |= {"deaths": 0, "is_local": False, "progress_done": counts["events"]}
        values |= {"payload": {**row.asked, "is_plan": row.is_plan}, "position": position if row.position else None}
        connection.execute(sa.insert(_JOBS).values(values))
    op.drop_table("replays")


def downgrade() -> None:
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
