"""A schedule as it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from gateway.db.model import SYSTEM
from gateway.jobs.models import Schedule


class ScheduleState(StrEnum):
    """Whether a schedule makes jobs due."""

    ACTIVE = "active"  # it does
    PAUSED = "paused"  # a person stopped it; it can be run by hand


@dataclass(frozen=True, slots=True)
class ScheduleSummary:
    """`tenant_id` is None for the installation's own. It is due every `every_seconds`, or when `cron` says so in
    `time_zone`, and up to `jitter_seconds` later. `next_at` is None while it is paused.
    """

    id: str
    tenant_id: str | None
    name: str
    kind: str
    payload: Mapping[str, Any]
    every_seconds: int | None
    cron: str | None
    time_zone: str | None
    jitter_seconds: int
    state: ScheduleState
    next_at: datetime | None
    last_at: datetime | None
    last_job_id: str | None
    created_at: datetime


def summary(row: Schedule) -> ScheduleSummary:
    """The row as it is shown."""
    return ScheduleSummary(
        id=row.id,
        tenant_id=None if row.tenant_id == SYSTEM else row.tenant_id,
        name=row.name,
        kind=row.kind,
        payload=row.payload,
        every_seconds=row.every_seconds,
        cron=row.cron,
        time_zone=row.time_zone,
        jitter_seconds=row.jitter_seconds,
        state=ScheduleState.PAUSED if row.is_paused else ScheduleState.ACTIVE,
        next_at=None if row.is_paused else row.next_at,
        last_at=row.last_at,
        last_job_id=row.last_job_id,
        created_at=row.created_at,
    )
