"""A sync run as it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.entities.models import SyncRun


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRunSummary:
    """`instance_id` is the integration's id, `integration` its name where that is known. `held` says by resource what
    it would delete, and who decided; `plan` are the id and the counts of the plan that went before. Else as `SyncRun`.
    """

    id: str
    integration: str | None = None
    instance_id: str
    job_id: str | None
    mode: str
    trigger: str
    is_plan: bool
    state: str
    counts: Mapping[str, Any]
    errors: Sequence[Mapping[str, Any]]
    held: Mapping[str, Any] | None
    plan: Mapping[str, Any] | None
    error_code: str | None
    error: str | None
    started_at: datetime
    ended_at: datetime | None

    @property
    def duration_seconds(self) -> float | None:
        """How long it took, None while it has not ended."""
        return None if self.ended_at is None else round((self.ended_at - self.started_at).total_seconds(), 3)


SHOWN_OF_HELD = ("resources", "confirmed_by", "rejected_by")


def summary(row: SyncRun) -> SyncRunSummary:
    """The row as it is shown."""
    held = None if row.held is None else {name: row.held[name] for name in SHOWN_OF_HELD if name in row.held}
    return SyncRunSummary(
        id=row.id,
        instance_id=row.instance_id,
        job_id=row.job_id,
        mode=row.mode,
        trigger=row.trigger,
        is_plan=row.is_plan,
        state=row.state,
        counts=row.counts,
        errors=row.errors,
        held=held,
        plan=row.plan,
        error_code=row.error_code,
        error=row.error,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )
