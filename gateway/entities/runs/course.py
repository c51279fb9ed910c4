"""A sync run while it is under way: begun, gone on with, kept with each page, ended with its event.

One of an integration runs at a time: a unique index says so. One whose job is over without having ended it, because its
process died too often, is found by the next one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select

from gateway.delivery.telling import tell
from gateway.entities.external import External
from gateway.entities.models import SyncRun
from gateway.entities.runs.tally import Tally
from gateway.entities.states import RunMode, RunState, check_step
from gateway.entities.store.seen import forget_pages, keep_pages
from gateway.errors import Conflict, Hint
from gateway.events.system import SYNC_COMPLETED, SYNC_FAILED, SYNC_HELD, sync_ended
from gateway.jobs.models import Job
from gateway.jobs.transitions import OPEN
from gateway.security.identifiers import new_id
from gateway.tenants.acting import Acting

INTERRUPTED = "interrupted"
SUPERSEDED = "superseded"
SCHEDULE = "schedule"

_EVENTS = {
    RunState.SUCCEEDED: SYNC_COMPLETED,
    RunState.FAILED: SYNC_FAILED,
    RunState.CANCELLED: SYNC_FAILED,
    RunState.HELD: SYNC_HELD,
}
_DOES_SOMETHING = ("created", "updated", "revived", "deleted", "conflicts", "merged", "quarantined", "repaired")


class AlreadyRunning(Conflict):
    """Another run of the integration is under way."""

    code = "already_running"


@dataclass(slots=True, kw_only=True)
class Course:
    """A run under way. `position` is where another process would go on."""

    id: str
    mode: RunMode
    trigger: str
    is_plan: bool
    started_at: datetime
    tally: Tally
    position: dict[str, Any] = field(default_factory=dict)


def begin_run(
    acting: Acting,
    external: External,
    *,
    mode: RunMode,
    trigger: str,
    is_plan: bool,
    job_id: str | None,
    run_id: str | None = None,
) -> Course:
    """Begin one. Raises `AlreadyRunning`."""
    _require_alone(acting, external, job_id, is_plan=is_plan)
    row = SyncRun(
        id=run_id or new_id("run"),
        instance_id=external.instance_id,
        job_id=job_id,
        mode=mode,
        trigger=trigger,
        is_plan=is_plan,
        state=RunState.RUNNING,
        counts=Tally().counts,
        errors=[],
        plan=None if is_plan else _plan_before(acting, external, mode),
        started_at=acting.now,
    )
    acting.session.add(row)
    acting.session.flush()
    return Course(id=row.id, mode=mode, trigger=trigger, is_plan=is_plan, started_at=acting.now, tally=Tally())


def go_on_with(acting: Acting, run_id: str) -> Course | None:
    """The run as another process, or this one before, has left it; None where it has ended."""
    row = find_run_row(acting, run_id)
    if row is None or row.state != RunState.RUNNING:
        return None
    return Course(
        id=row.id,
        mode=RunMode(row.mode),
        trigger=row.trigger,
        is_plan=row.is_plan,
        started_at=row.started_at,
        tally=Tally(row.counts, row.errors),
        position=dict(row.position or {}),
    )


def keep_run(acting: Acting, course: Course) -> None:
    """Write how far it is. In the transaction of what it did."""
    row = _require_running(acting, course.id)
    row.position = dict(course.position)
    row.counts, row.errors = course.tally.counts, list(course.tally.errors)


def end_run(
    acting: Acting,
    external: External,
    course: Course,
    state: RunState,
    *,
    code: str | None = None,
    detail: str | None = None,
    held: Mapping[str, Any] | None = None,
    keeping: Collection[str] = (),
) -> bool:
    """End it, or have it wait for a person, with its event; False where it has been ended already. `keeping` are the
    resources whose next full pull is compared with this one.
    """
    row = find_run_row(acting, course.id)
    if row is None or row.state != RunState.RUNNING:
        return False
    check_step(RunState(row.state), state)
    is_known = state is RunState.HELD and _supersede(acting, external.instance_id, held)
    row.state, row.counts, row.errors = state, course.tally.counts, list(course.tally.errors)
    row.error_code, row.error = code, detail
    row.held, row.position = None if held is None else {"at": acting.now.isoformat(), **held}, None
    row.ended_at = acting.now
    acting.session.flush()
    if state is RunState.SUCCEEDED and keeping:
        keep_pages(acting.session.connection(), external.instance_id, row.id, keeping)
    elif state is not RunState.HELD:
        forget_pages(acting.session.connection(), row.id)
    if not is_known and _is_told(course, state):
        tell_run(acting, external, course, state, code=code, detail=detail)
    return True


def tell_run(
    acting: Acting, external: External, course: Course, state: RunState, *, code: str | None, detail: str | None
) -> None:
    """Journal how a run ended."""
    occurrence = sync_ended(
        external.tenant_id,
        _EVENTS[state],
        run_id=course.id,
        integration=external.name,
        integration_name=external.integration_name,
        mode=course.mode,
        trigger=course.trigger,
        counts=course.tally.counts,
        code=code,
        detail=detail,
    )
    tell(acting.session, acting.installation, [occurrence])


def supersede_held(acting: Acting, instance_id: str) -> None:
    """A full pull was complete, and what an earlier one held is not what it says any more."""
    _supersede(acting, instance_id, None)


def find_run_row(acting: Acting, run_id: str) -> SyncRun | None:
    """The row of a run, locked in a writing transaction."""
    statement = select(SyncRun).where(SyncRun.id == run_id)
    return acting.session.scalars(statement.with_for_update() if acting.is_writing else statement).first()


def _require_running(acting: Acting, run_id: str) -> SyncRun:
    row = find_run_row(acting, run_id)
    if row is None or row.state != RunState.RUNNING:
        raise Conflict(f"the run {run_id} was ended meanwhile")
    return row


def _require_alone(acting: Acting, external: External, job_id: str | None, *, is_plan: bool) -> None:
    """End those that nobody goes on with. Raises `AlreadyRunning` for one that is under way. Plans change nothing, and
    there may be several.
    """
    running = select(SyncRun).where(SyncRun.instance_id == external.instance_id, SyncRun.state == RunState.RUNNING)
    for other in acting.session.scalars(running.where(SyncRun.is_plan.is_(is_plan)).with_for_update()):
        state = acting.session.scalars(select(Job.state).where(Job.id == other.job_id)).first()
        # A plan has no position: the same job has begun it anew.
        if state in OPEN and not (is_plan and other.job_id == job_id):
            if is_plan:
                continue
            message = f"a sync of {external.name} is under way: {other.id}"
            raise AlreadyRunning(message, Hint("show_sync_run", {"run": other.id}))
        other.state, other.ended_at, other.position = RunState.FAILED, acting.now, None
        other.error_code = INTERRUPTED
        other.error = "its process ended before it did, and nobody went on with it"
        acting.session.flush()
        forget_pages(acting.session.connection(), other.id)


def _plan_before(acting: Acting, external: External, mode: RunMode) -> dict[str, Any] | None:
    """The counts of the plan that was made last, if no run came after it."""
    latest = select(SyncRun).where(SyncRun.instance_id == external.instance_id).order_by(SyncRun.id.desc()).limit(1)
    found = acting.session.scalars(latest).first()
    if found is None or not found.is_plan or found.mode != mode or found.state != RunState.SUCCEEDED:
        return None
    return {"run_id": found.id, "counts": found.counts}


def _supersede(acting: Acting, instance_id: str, held: Mapping[str, Any] | None) -> bool:
    """End a run that is held, since a later one knows better; whether it was held for the same."""
    mine = select(SyncRun).where(SyncRun.instance_id == instance_id, SyncRun.state == RunState.HELD)
    earlier = acting.session.scalars(mine.with_for_update()).first()
    if earlier is None:
        return False
    is_same = held is not None and _told(earlier.held) == _told(held)
    earlier.state, earlier.ended_at = RunState.CANCELLED, acting.now
    earlier.error_code, earlier.error = SUPERSEDED, "a later full pull was complete, and counts instead"
    acting.session.flush()
    forget_pages(acting.session.connection(), earlier.id)
    return is_same


def _told(held: Mapping[str, Any] | None) -> Any:
    return None if held is None else held.get("resources")


def _is_told(course: Course, state: RunState) -> bool:
    if course.is_plan:
        return False
    if state is not RunState.SUCCEEDED or course.trigger != SCHEDULE:
        return True
    return any(course.tally[name] for name in _DOES_SOMETHING)
