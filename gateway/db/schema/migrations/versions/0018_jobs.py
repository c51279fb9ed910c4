"""Jobs, the schedules that make them due, and the workers that carry them out

Revision ID: 0018
Revises: 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.db.types import Identifier, Key, UtcTimestamp

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_IS_PENDING = "state = 'pending'"
_IS_RUNNING = "state = 'running'"
_IS_WAITING = f"{_IS_PENDING} AND started_at IS NULL AND uniqueness_key IS NOT NULL"
_IS_ACTIVE = "NOT is_paused"


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", Identifier, nullable=False),
        sa.Column("tenant_id", Identifier, nullable=False),
        sa.Column("kind", Identifier, nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("uniqueness_key", Key, nullable=True),
        sa.Column("due_at", UtcTimestamp(), nullable=False),
        sa.Column("attempts_made", sa.Integer(), nullable=False),
        sa.Column("deaths", sa.Integer(), nullable=False),
        sa.Column("is_local", sa.Boolean(), nullable=False),
        sa.Column("position", sa.JSON(), nullable=True),
        sa.Column("progress_done", sa.Integer(), nullable=False),
        sa.Column("progress_total", sa.Integer(), nullable=True),
        sa.Column("progress_line", sa.Text(), nullable=True),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("error_code", sa.String(64), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("asker_kind", sa.String(16), nullable=False),
        sa.Column("asker_id", Identifier, nullable=True),
        sa.Column("asker_name", sa.Text(), nullable=False),
        sa.Column("asker_address", sa.String(255), nullable=True),
        sa.Column("request_id", sa.String(128), nullable=True),
        sa.Column("schedule_id", Identifier, nullable=True),
        sa.Column("cancel_requested_at", UtcTimestamp(), nullable=True),
        sa.Column("created_at", UtcTimestamp(), nullable=False),
        sa.Column("started_at", UtcTimestamp(), nullable=True),
        sa.Column("finished_at", UtcTimestamp(), nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("scheduled_at", UtcTimestamp(), nullable=False),
        sa.Column("lease_token", Identifier, nullable=True),
        sa.Column("lease_renewed_at", UtcTimestamp(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index("ix_jobs_tenant_id_id", "jobs", ["tenant_id", "id"])
    _partial("ix_jobs_due", "jobs", ["kind", "tenant_id", "due_at", "id"], _IS_PENDING)
    _partial("ix_jobs_next", "jobs", ["kind", "due_at"], _IS_PENDING)
    _partial("ix_jobs_scheduled_at", "jobs", ["scheduled_at"], _IS_PENDING)
    _partial("ix_jobs_running", "jobs", ["kind", "tenant_id"], _IS_RUNNING)
    _partial("uq_jobs_waiting", "jobs", ["tenant_id", "kind", "uniqueness_key"], _IS_WAITING, unique=True)
    op.create_table(
        "schedules",
        sa.Column("id", Identifier, nullable=False),
        sa.Column("tenant_id", Identifier, nullable=False),
        sa.Column("name", Key, nullable=False),
        sa.Column("kind", Identifier, nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("every_seconds", sa.Integer(), nullable=True),
        sa.Column("cron", sa.String(255), nullable=True),
        sa.Column("time_zone", sa.String(64), nullable=True),
        sa.Column("jitter_seconds", sa.Integer(), nullable=False),
        sa.Column("is_paused", sa.Boolean(), nullable=False),
        sa.Column("next_at", UtcTimestamp(), nullable=True),
        sa.Column("last_at", UtcTimestamp(), nullable=True),
        sa.Column("last_job_id", Identifier, nullable=True),
        sa.Column("created_at", UtcTimestamp(), nullable=False),
        sa.Column("scheduled_at", UtcTimestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedules")),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_schedules_tenant_id_name")),
    )
    _partial("ix_schedules_next_at", "schedules", ["next_at"], _IS_ACTIVE)
    _partial("ix_schedules_scheduled_at", "schedules", ["scheduled_at"], _IS_ACTIVE)
    op.create_table(
        "workers",
        sa.Column("id", Identifier, nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("engine", sa.String(16), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("takes", sa.JSON(), nullable=False),
        sa.Column("started_at", UtcTimestamp(), nullable=False),
        sa.Column("seen_at", UtcTimestamp(), nullable=False),
        sa.Column("consumed_at", UtcTimestamp(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
    )


def _partial(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def downgrade() -> None:
    op.drop_table("workers")
    op.drop_table("schedules")
    op.drop_table("jobs")
