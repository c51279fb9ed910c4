"""The table of replays of many events."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Boolean, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.db.model import Base, TenantOwned
from gateway.db.types import Identifier, UtcTimestamp


class ReplayState(StrEnum):
    """How far a replay is."""

    PENDING = "pending"  # waits for a worker, or for another replay of the tenant
    RUNNING = "running"  # a worker is at it, or will go on with it
    SUCCEEDED = "succeeded"  # every event that was meant was looked at
    FAILED = "failed"  # it could not go on; what was done stays done
    CANCELLED = "cancelled"  # somebody stopped it; what was done stays done


OPEN = frozenset({ReplayState.PENDING, ReplayState.RUNNING})

_IS_OPEN = text("state IN ('pending', 'running')")
_IS_RUNNING = text("state = 'running'")


class Replay(Base, TenantOwned):
    """Many events, delivered again by a worker in steps. `asked` is what was asked for, as data; its `until` is set.

    What a step does, `counts`, `position` (the last event that was looked at, empty for none) and `reached_at` (when
    that event came) are committed together. Leases are those of `gateway.db.lease`; `scheduled_at` orders who is next.
    """

    __tablename__ = "replays"
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    is_plan: Mapped[bool] = mapped_column(Boolean)
    asked: Mapped[dict[str, Any]] = mapped_column(JSON)
    counts: Mapped[dict[str, int]] = mapped_column(JSON)
    position: Mapped[str] = mapped_column(Identifier)
    reached_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    asker_kind: Mapped[str] = mapped_column(String(16))
    asker_id: Mapped[str | None] = mapped_column(Identifier)
    asker_name: Mapped[str] = mapped_column(Text)
    detail: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    started_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    scheduled_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    lease_token: Mapped[str | None] = mapped_column(Identifier)
    lease_expires_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)

    __table_args__ = (
        Index("ix_replays_tenant_id_id", "tenant_id", "id"),
        # The claim. Holds unfinished work only, so it stays small.
        Index("ix_replays_open", "scheduled_at", "id", sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN),
        # One at a time for each tenant.
        Index("ix_replays_running", "tenant_id", unique=True, sqlite_where=_IS_RUNNING, postgresql_where=_IS_RUNNING),
    )
