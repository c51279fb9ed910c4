"""What is done with schedules: paused, resumed, run by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from gateway.errors import Conflict
from gateway.jobs.kind import Kind
from gateway.jobs.models import Schedule
from gateway.jobs.schedules.due import make_due
from gateway.jobs.schedules.rhythm import Jitter, NeverDue, next_instant
from gateway.jobs.schedules.rows import rhythm_of
from gateway.jobs.schedules.search import find_row
from gateway.jobs.schedules.summary import ScheduleSummary, summary
from gateway.jobs.summary import JobSummary
from gateway.tenants.acting import Acting, SystemActing


def pause_schedule(acting: Acting | SystemActing, name: str) -> ScheduleSummary:
    """Make no more jobs by it until it is resumed; one that is made stays. Repeating it changes nothing.

    Raises `NotFound`.
    """
    row = find_row(acting, name)
    if not row.is_paused:
        row.is_paused = True
        _schedule_changed(acting, "schedule.paused", row)
    return summary(row)


def resume_schedule(acting: Acting | SystemActing, name: str) -> ScheduleSummary:
    """Make jobs by it again, from its next instant on: those that passed meanwhile are not made up for. Repeating it
    changes nothing.

    Raises `NotFound`, and `Conflict` where it cannot be told when it is due next.
    """
    row = find_row(acting, name)
    if row.is_paused:
        row.is_paused = False
        if row.next_at is None or row.next_at <= acting.now:
            row.next_at = _next_of(row, acting)
        row.scheduled_at = acting.now
        _schedule_changed(acting, "schedule.resumed", row)
    return summary(row)


def run_now(acting: Acting | SystemActing, name: str, kinds: Mapping[str, Kind]) -> JobSummary:
    """Make its job now, whether or not it is paused; where one that it made waits, that one, brought forward. It is due
    next as before.

    Raises `NotFound`, `Conflict` where this version does not know the kind, `InvalidInput` where that does not take the
    payload.
    """
    row = find_row(acting, name)
    kind = kinds.get(row.kind)
    if kind is None:
        raise Conflict(f"jobs of the kind {row.kind!r} are not known here")
    made = make_due(acting, row, kind, at_once=True)
    _schedule_changed(acting, "schedule.run", row, {"job": made.id})
    return made


def _next_of(row: Schedule, acting: Acting | SystemActing) -> datetime:
    # Without jitter, which keeps apart what is due by itself: a person waits for this one.
    exactly = Jitter(0, lambda: 0.0)
    try:
        return next_instant(rhythm_of(row), exactly, planned=row.next_at or acting.now, now=acting.now)
    except NeverDue as error:
        raise Conflict(f"it cannot be told when the schedule {row.name!r} is due next: {error}") from error


def _schedule_changed(
    acting: Acting | SystemActing, action: str, row: Schedule, after: Mapping[str, object] | None = None
) -> None:
    acting.session.flush()
    if isinstance(acting, Acting):
        acting.audit(action, row.id, row.name, after=after)
    else:
        acting.audit(action, row.id, row.name, tenant_id=summary(row).tenant_id, after=after)
