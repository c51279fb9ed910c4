"""Asking for what an active integration does: a sync, a push. In the transaction of whoever asks."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from gateway.entities.states import RunMode
from gateway.errors import Conflict, Hint
from gateway.integrations.jobs import OF_ONE, PUSH, STREAM, SYNC
from gateway.integrations.models import Integration
from gateway.integrations.registry import registry_of
from gateway.integrations.states import IntegrationState
from gateway.integrations.type import IntegrationType
from gateway.jobs.kind import Kind
from gateway.jobs.management import leave
from gateway.jobs.models import Job, JobState
from gateway.jobs.request import Holder, request_job
from gateway.jobs.summary import JobSummary
from gateway.security.identifiers import new_id
from gateway.tenants.acting import Acting, SystemActing

# How much a mode reads: who asks for more has what waits read that much.
_READS: Final = {RunMode.CHANGES: 0, None: 1, RunMode.INCREMENTAL: 1, RunMode.FULL: 2}


def request_sync(
    acting: Acting | SystemActing,
    row: Integration,
    *,
    mode: RunMode | None = None,
    trigger: str = "person",
    is_plan: bool = False,
    due_at: datetime | None = None,
    holder: Holder | None = None,
) -> JobSummary:
    """Ask for a sync of an integration. One that waits already is this one too, and reads as much as either would.

    The run gets the id that stands in the job's payload. Raises `Conflict` for an integration that is not active; a
    plan may be made of each.
    """
    if not is_plan:
        require_active(row)
    payload = {
        "integration": row.id,
        "mode": None if mode is None else mode.value,
        "trigger": trigger,
        "is_plan": is_plan,
        "run": new_id("run"),
    }
    asked = request_job(acting, SYNC, payload, tenant_id=row.tenant_id, due_at=due_at, holder=holder)
    if _reads(asked.payload) < _reads(payload):
        # It waits, and this transaction holds it.
        job = acting.session.scalars(select(Job).where(Job.id == asked.id)).one()
        job.payload = {**asked.payload, "mode": payload["mode"]}
        acting.session.flush()
    return asked


def request_push(acting: Acting | SystemActing, row: Integration, *, due_at: datetime | None = None) -> JobSummary:
    """Ask that its local edits are sent."""
    return request_job(acting, PUSH, {"integration": row.id}, tenant_id=row.tenant_id, due_at=due_at)


def request_stream(acting: Acting | SystemActing, row: Integration) -> None:
    """Ask that its live stream is held, where its type has one."""
    type_ = registry_of(acting.installation).find(row.type)
    if isinstance(type_, IntegrationType) and type_.is_live:
        request_job(acting, STREAM, {"integration": row.id}, tenant_id=row.tenant_id)


def require_active(row: Integration) -> None:
    """Raises `Conflict` for an integration that is not active."""
    if row.state == IntegrationState.ACTIVE:
        return
    if row.state == IntegrationState.PAUSED:
        raise Conflict(f"the integration {row.name!r} is paused", Hint("resume_integration", {"name": row.name}))
    message = f"the integration {row.name!r} is {row.state}"
    raise Conflict(message, Hint("activate_integration", {"name": row.name}))


def open_jobs(acting: Acting | SystemActing, row: Integration, kinds: tuple[Kind, ...] = OF_ONE) -> list[Job]:
    """The jobs of an integration that wait or run; locked where they may be changed."""
    statement = select(Job).where(
        Job.tenant_id == row.tenant_id,
        Job.kind.in_([kind.name for kind in kinds]),
        Job.state.in_([JobState.PENDING, JobState.RUNNING]),
        Job.uniqueness_key.in_([row.id, f"plan:{row.id}"]),
    )
    return list(acting.session.scalars(statement.with_for_update() if acting.is_writing else statement))


def stop_jobs(acting: Acting | SystemActing, row: Integration) -> None:
    """Have all that runs for an integration left: at once what waits, within seconds what a process holds."""
    for job in open_jobs(acting, row):
        leave(acting, job)


def _reads(payload: Any) -> int:
    return _READS.get(payload.get("mode"), 1)
