"""Making the job that a schedule is for, in the caller's transaction, which holds the schedule's row."""

from __future__ import annotations

from sqlalchemy import select

from gateway.jobs.announce import announce_after_commit
from gateway.jobs.kind import Kind
from gateway.jobs.models import Job, JobState, Schedule
from gateway.jobs.request import request_job
from gateway.jobs.summary import JobSummary, summary
from gateway.tenants.acting import Acting, SystemActing


def make_due(acting: Acting | SystemActing, row: Schedule, kind: Kind, *, at_once: bool = False) -> JobSummary:
    """Ask for the job, unless the one that was made last waits still: then that one is for this instant too, and
    waits no longer if `at_once`.

    Raises `InvalidInput` where `kind` does not take the payload.
    """
    waiting = select(Job).where(Job.id == row.last_job_id, Job.state == JobState.PENDING)
    if at_once:
        # Its worker may be about to take it.
        waiting = waiting.with_for_update()
    found = None if row.last_job_id is None else acting.session.scalars(waiting).first()
    if found is not None:
        if at_once:
            found.due_at, found.scheduled_at = min(found.due_at, acting.now), acting.now
            acting.session.flush()
            announce_after_commit(acting, found.kind, found.id)
        return summary(found)
    tenant_id = row.tenant_id if isinstance(acting, SystemActing) else None
    made = request_job(acting, kind, row.payload, tenant_id=tenant_id, schedule_id=row.id)
    row.last_job_id = made.id
    return made
