"""Looking whether all runs that is to run: streams, pushes, checks of health; and that nothing is stuck amid a step.

What is asked for here is asked for by others too, when it is needed; this finds what was lost. And what became of
entities long ago is forgotten, a little each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select, text

from gateway.entities.models import IS_WAITING, LocalChange
from gateway.entities.retention import forget
from gateway.integrations.health.recording import CHECKED_AT, checks_of, instant
from gateway.integrations.jobs import ACTIVATE, DEACTIVATE, HEALTH, PUSH, STREAM
from gateway.integrations.models import Integration
from gateway.integrations.registry import registry_of
from gateway.integrations.states import Health, IntegrationState
from gateway.integrations.type import IntegrationType
from gateway.jobs.kind import Kind
from gateway.jobs.models import Job, JobState
from gateway.jobs.request import request_job
from gateway.jobs.run import JobRun
from gateway.tenants.acting import SystemActing

BATCH: Final = 200
CHECK_EVERY: Final = timedelta(minutes=5)
CONFIRM_EVERY: Final = timedelta(seconds=20)
CHECK_ILL_EVERY: Final = timedelta(minutes=1)
_STEPS: Final = (IntegrationState.ACTIVATING, IntegrationState.DEACTIVATING)
_IS_WAITING = text(f"({IS_WAITING})")


def carry_out(run: JobRun) -> Mapping[str, Any]:
    """One look at all integrations, in short transactions."""
    after, asked = "", 0
    while True:
        with run.begin_for_system() as acting:
            wanted = [IntegrationState.ACTIVE, *_STEPS]
            statement = select(Integration).where(Integration.id > after, Integration.state.in_(wanted))
            rows = acting.session.scalars(statement.order_by(Integration.id).limit(BATCH)).all()
            asked += sum(_look(acting, row) for row in rows)
        if len(rows) < BATCH:
            break
        after = rows[-1].id
    with run.begin_for_system() as acting:
        forgotten = forget(acting)
    return {"asked": asked, "forgotten": forgotten}


def _look(acting: SystemActing, row: Integration) -> int:
    """Ask for what is to run and does not; how many jobs that were."""
    if row.state == IntegrationState.ACTIVATING:
        return _ensure(acting, row, ACTIVATE, {"integration": row.id, "undo": True})
    if row.state == IntegrationState.DEACTIVATING:
        return _ensure(acting, row, DEACTIVATE, {"integration": row.id})
    asked = 0
    type_ = registry_of(acting.installation).find(row.type)
    if isinstance(type_, IntegrationType) and type_.is_live:
        asked += _ensure(acting, row, STREAM, {"integration": row.id})
    if _is_check_due(acting, row):
        asked += _ensure(acting, row, HEALTH, {"integration": row.id})
    waiting = select(LocalChange.id).where(
        LocalChange.instance_id == row.id, LocalChange.next_attempt_at <= acting.now, _IS_WAITING
    )
    if acting.session.scalar(waiting.limit(1)) is not None:
        asked += _ensure(acting, row, PUSH, {"integration": row.id})
    return asked


def _is_check_due(acting: SystemActing, row: Integration) -> bool:
    checked_at = instant(row, CHECKED_AT) or row.activated_at
    is_well = row.health_state in (Health.HEALTHY, Health.UNKNOWN)
    every = CHECK_EVERY if is_well else CHECK_ILL_EVERY
    # What one look says that is another than before, the next one confirms soon.
    if any(check.candidate is not None for check in checks_of(row)):
        every = CONFIRM_EVERY
    return checked_at is None or acting.now - checked_at >= every


def _ensure(acting: SystemActing, row: Integration, kind: Kind, payload: Mapping[str, Any]) -> int:
    """Ask for a job unless one waits or runs. Whoever is amid a step by a command holds a job too."""
    is_open = Job.state.in_([JobState.PENDING, JobState.RUNNING])
    same = (Job.tenant_id == row.tenant_id) & (Job.kind == kind.name) & (Job.uniqueness_key == row.id)
    if acting.session.scalar(select(Job.id).where(same, is_open).limit(1)) is not None:
        return 0
    request_job(acting, kind, payload, tenant_id=row.tenant_id)
    return 1
