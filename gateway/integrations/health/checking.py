"""Looking how an integration is: its system is asked, and what is known of its runs is judged. What a job does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from gateway.entities.models import SyncRun
from gateway.entities.states import RunState
from gateway.errors import GatewayError, StorageUnavailable
from gateway.integrations.bounded import bounds_of
from gateway.integrations.health.observing import RUNS, of_age, of_call, of_data, of_runs
from gateway.integrations.health.recording import note_checked, record
from gateway.integrations.management.trying import tried
from gateway.integrations.models import Integration
from gateway.integrations.opening import TRIAL, Material, material_of, open_instance, type_of
from gateway.integrations.registry import registry_of
from gateway.integrations.rhythm import interval_seconds
from gateway.integrations.states import IntegrationState
from gateway.integrations.subscriptions.registering import maintain
from gateway.integrations.summary import schedule_of
from gateway.integrations.type import CheckResult, IntegrationType
from gateway.jobs.run import JobRun
from gateway.tenants.acting import Acting

CHECK_SECONDS: Final = 10.0


def carry_out(run: JobRun) -> Mapping[str, Any]:
    """Look how the integration of the job is, and after its webhooks. Raises `StorageUnavailable`, `JobInterrupted`."""
    integration_id = run.payload["integration"]
    with run.begin(write=False) as acting:
        row = acting.session.get(Integration, integration_id)
        if row is None or row.state != IntegrationState.ACTIVE:
            return {"outcome": "not active"}
        material = material_of(acting.session, run.installation, row)
    result = tried(run.installation, material)
    seen = of_call(result.code, result.message)
    if result.is_success:
        seen += [*_own(run, material), *maintain(run, material)]
    with run.begin() as acting:
        found = acting.session.get(Integration, integration_id, with_for_update=True)
        if found is None or found.state != IntegrationState.ACTIVE:
            return {"outcome": "not active"}
        record(acting, found, [*seen, *known(acting, found)], code=result.code)
        note_checked(acting, found)
        return {"outcome": "looked", "health": found.health_state}


def known(acting: Acting, row: Integration) -> list[CheckResult]:
    """What is known without asking anybody: how runs ended, how old the last one is, when data came."""
    statement = select(SyncRun.state, SyncRun.ended_at).where(
        SyncRun.instance_id == row.id, SyncRun.is_plan.is_(False), SyncRun.ended_at.is_not(None)
    )
    runs = acting.session.execute(statement.order_by(SyncRun.id.desc()).limit(RUNS)).all()
    done = [ended_at for state, ended_at in runs if state == RunState.SUCCEEDED]
    failed = [state == RunState.FAILED for state, _ in runs if state in (RunState.FAILED, RunState.SUCCEEDED)]
    since: datetime | None = done[0] if done else row.activated_at
    every = interval_of(acting, row)
    return [*of_runs(failed), *of_age(since, every, acting.now), *of_data(row.data_at, acting.now)]


def interval_of(acting: Acting, row: Integration) -> int | None:
    """About how many seconds lie between two syncs of it."""
    type_ = registry_of(acting.installation).find(row.type)
    return interval_seconds(schedule_of(row, type_ if isinstance(type_, IntegrationType) else None))


def _own(run: JobRun, material: Material) -> Sequence[CheckResult]:
    """What the type looks at by itself."""
    type_ = type_of(run.installation, material)

    def look() -> Sequence[CheckResult]:
        with open_instance(run.installation, material, timeout=TRIAL) as instance:
            return list(type_.checks(instance))

    try:
        return bounds_of(run.installation).call(material.id, CHECK_SECONDS, look)
    except StorageUnavailable:
        raise
    except GatewayError as error:
        return of_call(error.code, str(error))
