"""What a person decides of a run that is held: its deletions are right, or they are wrong."""

from __future__ import annotations

from sqlalchemy import select

from gateway.entities.held_runs.kind import CONFIRM
from gateway.entities.models import SyncRun
from gateway.entities.runs.course import AlreadyRunning
from gateway.entities.runs.search import require_run
from gateway.entities.runs.summary import SyncRunSummary, summary
from gateway.entities.states import RunState, check_step
from gateway.entities.store.seen import forget_pages
from gateway.errors import Hint, IllegalTransition
from gateway.jobs.request import Holder, request_job
from gateway.jobs.summary import JobSummary
from gateway.tenants.acting import Acting


def confirm_run(acting: Acting, run_id: str) -> SyncRunSummary:
    """Have what was held deleted, by a worker. Nothing else is: what was seen, edited or changed since stays.

    Raises `NotFound`, `IllegalTransition` for a run that is not held, and `AlreadyRunning`.
    """
    row, _ = confirm_by(acting, run_id)
    return row


def confirm_by(acting: Acting, run_id: str, holder: Holder | None = None) -> tuple[SyncRunSummary, JobSummary]:
    """The same, by the process that `holder` names."""
    row = _held(acting, run_id)
    other = select(SyncRun).where(SyncRun.instance_id == row.instance_id, SyncRun.state == RunState.RUNNING)
    running = acting.session.scalars(other.where(SyncRun.is_plan.is_(False))).first()
    if running is not None:
        message = f"a sync of the same integration is under way ({running.id}): decide when it has ended"
        raise AlreadyRunning(message, Hint("show_sync_run", {"run": running.id}))
    check_step(RunState(row.state), RunState.RUNNING)
    before = summary(row)
    job = request_job(acting, CONFIRM, {"run": row.id}, holder=holder)
    row.state, row.job_id, row.ended_at, row.error_code, row.error = RunState.RUNNING, job.id, None, None, None
    row.held = {**(row.held or {}), "confirmed_by": acting.actor.name}
    acting.session.flush()
    acting.audit("sync_run.confirmed", row.id, before={"state": before.state}, after={"state": row.state})
    return summary(row), job


def reject_run(acting: Acting, run_id: str) -> SyncRunSummary:
    """Delete nothing of what was held. The next full pull looks again.

    Raises `NotFound`, and `IllegalTransition` for a run that is not held.
    """
    row = _held(acting, run_id)
    check_step(RunState(row.state), RunState.REJECTED)
    row.state, row.ended_at = RunState.REJECTED, acting.now
    row.held = {**(row.held or {}), "rejected_by": acting.actor.name}
    acting.session.flush()
    forget_pages(acting.session.connection(), row.id)
    acting.audit("sync_run.rejected", row.id, before={"state": RunState.HELD}, after={"state": row.state})
    return summary(row)


def _held(acting: Acting, run_id: str) -> SyncRun:
    row = require_run(acting, run_id)
    if row.state != RunState.HELD:
        raise IllegalTransition(f"the sync run {row.id} is {row.state}: only one that is held waits for a decision")
    return row
