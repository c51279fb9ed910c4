"""What people do with jobs: stop them, and have them tried again."""

from __future__ import annotations

from sqlalchemy import select

from gateway.errors import Conflict, IllegalTransition
from gateway.jobs.announce import announce_after_commit
from gateway.jobs.models import Job, JobState
from gateway.jobs.search import find_row
from gateway.jobs.summary import JobSummary, summary
from gateway.jobs.transitions import RETRYABLE, require_transition
from gateway.tenants.acting import Acting, SystemActing


def cancel_job(acting: Acting | SystemActing, job_id: str) -> JobSummary:
    """Stop a job. One that runs commits nothing more, and whoever holds it says within seconds that it is cancelled;
    what was done stays done. Repeating it changes nothing.

    Raises `NotFound`, and `IllegalTransition` for one that has ended.
    """
    row = find_row(acting, job_id)
    before = JobState(row.state)
    if before is JobState.CANCELLED or row.cancel_requested_at is not None:
        return summary(row)
    require_transition(before, JobState.CANCELLED)
    leave(acting, row)
    _job_changed(acting, "job.cancelled", row)
    return summary(row)


def leave(acting: Acting | SystemActing, row: Job) -> None:
    """Have an open job, whose row is locked, cancelled: at once, or by whoever holds it."""
    row.cancel_requested_at = acting.now
    if row.state == JobState.PENDING:
        row.state, row.finished_at = JobState.CANCELLED, acting.now
    acting.session.flush()


def retry_job(acting: Acting | SystemActing, job_id: str) -> JobSummary:
    """Have a job that failed or was cancelled go on from what it has done, with all its tries before it.

    Raises `NotFound`, `IllegalTransition` for one that has not ended or has succeeded, and `Conflict` where the same
    waits already, or where only the process that asked for it could carry it out.
    """
    row = find_row(acting, job_id)
    if row.state not in RETRYABLE:
        raise IllegalTransition(f"a job that is {row.state} is not tried again")
    if row.is_local:
        raise Conflict(f"job {row.id} was carried out by whoever asked for it: ask for it again")
    if row.started_at is None and _is_another_waiting(acting, row):
        raise Conflict(f"the same as job {row.id} waits already")
    row.state, row.due_at, row.scheduled_at = JobState.PENDING, acting.now, acting.now
    row.attempts_made = row.deaths = 0
    row.finished_at = row.cancel_requested_at = row.error = row.error_code = None
    acting.session.flush()
    _job_changed(acting, "job.retried", row)
    announce_after_commit(acting, row.kind, row.id)
    return summary(row)


def _is_another_waiting(acting: Acting | SystemActing, row: Job) -> bool:
    if row.uniqueness_key is None:
        return False
    waiting = select(Job.id).where(
        Job.tenant_id == row.tenant_id,
        Job.kind == row.kind,
        Job.uniqueness_key == row.uniqueness_key,
        Job.state == JobState.PENDING,
        Job.started_at.is_(None),
    )
    return acting.session.scalars(waiting.limit(1)).first() is not None


def _job_changed(acting: Acting | SystemActing, action: str, row: Job) -> None:
    after = {"kind": row.kind, **row.payload}
    if isinstance(acting, Acting):
        acting.audit(action, row.id, after=after)
    else:
        acting.audit(action, row.id, tenant_id=summary(row).tenant_id, after=after)
