"""The tables of jobs (work that is neither a webhook nor a delivery), of schedules, and of workers."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Boolean, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.db.model import Base, TenantOwned
from gateway.db.types import Identifier, Key, UtcTimestamp


class JobState(StrEnum):
    """How far a job is."""

    PENDING = "pending"  # waits for a worker: for the first time, to be retried, or to be gone on with
    RUNNING = "running"  # a process holds it
    SUCCEEDED = "succeeded"  # done
    FAILED = "failed"  # given up; what was done stays done
    CANCELLED = "cancelled"  # stopped by a person; what was done stays done


UNKNOWN_KIND = "unknown"
"""What stands in metrics for all kinds of jobs that a process does not know."""

# Written out: a partial index is used only where a statement repeats its condition.
IS_PENDING = "state = 'pending'"
IS_RUNNING = "state = 'running'"
IS_WAITING = f"{IS_PENDING} AND started_at IS NULL AND uniqueness_key IS NOT NULL"
IS_ACTIVE = "NOT is_paused"


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    condition = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


class Job(Base, TenantOwned):
    """One piece of work. `tenant_id` is `SYSTEM` for the installation's own; `payload` has ids and small options, never
    content or secrets.

    `position` is what whoever takes it over goes on from; it and the progress are committed with the work that they
    describe. `attempts_made` counts attempts that failed, `deaths` the processes that died with it since its position
    last moved. `is_local` says that nobody but the process that asked for it can carry it out. `worker` tells people
    who holds it. Whoever holds the row renews `lease_renewed_at`; `scheduled_at` is when `due_at` was decided
    (`gateway.db.lease`).
    """

    __tablename__ = "jobs"
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    kind: Mapped[str] = mapped_column(Identifier)
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(16))
    uniqueness_key: Mapped[str | None] = mapped_column(Key)
    due_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    attempts_made: Mapped[int] = mapped_column(Integer, default=0)
    deaths: Mapped[int] = mapped_column(Integer, default=0)
    is_local: Mapped[bool] = mapped_column(Boolean, default=False)
    position: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    progress_done: Mapped[int] = mapped_column(Integer, default=0)
    progress_total: Mapped[int | None] = mapped_column(Integer)
    progress_line: Mapped[str | None] = mapped_column(Text)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    error_code: Mapped[str | None] = mapped_column(String(64))
    error: Mapped[str | None] = mapped_column(Text)
    asker_kind: Mapped[str] = mapped_column(String(16))
    asker_id: Mapped[str | None] = mapped_column(Identifier)
    asker_name: Mapped[str] = mapped_column(Text)
    asker_address: Mapped[str | None] = mapped_column(String(255))
    request_id: Mapped[str | None] = mapped_column(String(128))
    schedule_id: Mapped[str | None] = mapped_column(Identifier)
    cancel_requested_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    started_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    worker: Mapped[str | None] = mapped_column(Text)
    scheduled_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    lease_token: Mapped[str | None] = mapped_column(Identifier)
    lease_renewed_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)

    __table_args__ = (
        Index("ix_jobs_tenant_id_id", "tenant_id", "id"),
        # All others hold unfinished work only, so they stay small. The claim: tenant by tenant, the oldest of each.
        _partial("ix_jobs_due", "kind", "tenant_id", "due_at", "id", where=IS_PENDING),
        # Whether anything is due, and what will be next.
        _partial("ix_jobs_next", "kind", "due_at", where=IS_PENDING),
        # What was decided at a time that has not come yet.
        _partial("ix_jobs_scheduled_at", "scheduled_at", where=IS_PENDING),
        _partial("ix_jobs_running", "kind", "tenant_id", where=IS_RUNNING),
        # Who asks for the same while one waits joins it.
        _partial("uq_jobs_waiting", "tenant_id", "kind", "uniqueness_key", where=IS_WAITING, unique=True),
    )


class Schedule(Base, TenantOwned):
    """When a job of `kind` with `payload` is made: every so many seconds, or by a cron expression in a time zone.

    `tenant_id` is `SYSTEM` for the installation's own. `next_at` is the next due instant, None when none comes any
    more; `scheduled_at` is when that was decided (`gateway.db.lease`). `last_at` is when it last made a job.
    """

    __tablename__ = "schedules"
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    name: Mapped[str] = mapped_column(Key)
    kind: Mapped[str] = mapped_column(Identifier)
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    every_seconds: Mapped[int | None] = mapped_column(Integer)
    cron: Mapped[str | None] = mapped_column(String(255))
    time_zone: Mapped[str | None] = mapped_column(String(64))
    jitter_seconds: Mapped[int] = mapped_column(Integer, default=0)
    is_paused: Mapped[bool] = mapped_column(Boolean, default=False)
    next_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    last_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    last_job_id: Mapped[str | None] = mapped_column(Identifier)
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    scheduled_at: Mapped[datetime] = mapped_column(UtcTimestamp)

    __table_args__ = (
        UniqueConstraint("tenant_id", "name"),
        # The tick.
        _partial("ix_schedules_next_at", "next_at", where=IS_ACTIVE),
        # What was decided at a time that has not come yet.
        _partial("ix_schedules_scheduled_at", "scheduled_at", where=IS_ACTIVE),
    )


class WorkerRow(Base):
    """One worker process. `takes` says what it takes: deliveries, kinds of jobs. `seen_at` is renewed while it lives,
    `consumed_at` is when it last got a message from the broker, None without one.
    """

    __tablename__ = "workers"
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int] = mapped_column(Integer)
    engine: Mapped[str] = mapped_column(String(16))
    version: Mapped[str] = mapped_column(String(64))
    takes: Mapped[dict[str, Any]] = mapped_column(JSON)
    started_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    seen_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    consumed_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
