"""A job as it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.db.model import SYSTEM
from gateway.jobs.models import Job, JobState
from gateway.tenants.audit import ActorKind


@dataclass(frozen=True, slots=True)
class JobSummary:
    """`tenant_id` is None for the installation's own. `attempts_made` counts those that failed; `worker` is who holds
    it. `error` says why it failed, or why it is tried again.
    """

    id: str
    tenant_id: str | None
    kind: str
    payload: Mapping[str, Any]
    state: JobState
    uniqueness_key: str | None
    due_at: datetime
    attempts_made: int
    progress_done: int
    progress_total: int | None
    progress_line: str | None
    result: Mapping[str, Any] | None
    error_code: str | None
    error: str | None
    asker_kind: ActorKind
    asker_id: str | None
    asker_name: str
    request_id: str | None
    schedule_id: str | None
    cancel_requested_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    worker: str | None


def summary(row: Job) -> JobSummary:
    """The row as it is shown."""
    return JobSummary(
        id=row.id,
        tenant_id=None if row.tenant_id == SYSTEM else row.tenant_id,
        kind=row.kind,
        payload=row.payload,
        state=JobState(row.state),
        uniqueness_key=row.uniqueness_key,
        due_at=row.due_at,
        attempts_made=row.attempts_made,
        progress_done=row.progress_done,
        progress_total=row.progress_total,
        progress_line=row.progress_line,
        result=row.result,
        error_code=row.error_code,
        error=row.error,
        asker_kind=ActorKind(row.asker_kind),
        asker_id=row.asker_id,
        asker_name=row.asker_name,
        request_id=row.request_id,
        schedule_id=row.schedule_id,
        cancel_requested_at=row.cancel_requested_at,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        worker=row.worker,
    )
