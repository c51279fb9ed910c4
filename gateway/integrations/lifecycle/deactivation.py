"""Taking an integration down: its workers stop first, then what was prepared outside is taken back, then its entities
go, but for those that carry the user's own in the mode `safe`. Its configuration is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.errors import Conflict, GatewayError, StorageUnavailable
from gateway.events.system import INTEGRATION_DEACTIVATED
from gateway.integrations.lifecycle.cleanup import Removed, end_runs, remove_entities, remove_traces
from gateway.integrations.lifecycle.consequences import has_entities
from gateway.integrations.lifecycle.hooks import take_back
from gateway.integrations.models import Integration
from gateway.integrations.opening import Material, material_of
from gateway.integrations.requesting import open_jobs, stop_jobs
from gateway.integrations.results import Result, failure, success
from gateway.integrations.schedules import keep_schedule
from gateway.integrations.states import Health, IntegrationState, check_step
from gateway.integrations.telling import tell
from gateway.jobs.run import JobRun

STOP_SECONDS: Final = 15.0
LOOK_SECONDS: Final = 0.2
LEFT_BEHIND: Final = "not_taken_back"


def carry_out(run: JobRun) -> Mapping[str, Any]:
    """Take down the integration of the job. Raises `JobInterrupted`, `StorageUnavailable`."""
    integration_id, mode = run.payload["integration"], run.payload["mode"]
    with run.begin() as acting:
        row = acting.session.get(Integration, integration_id, with_for_update=True)
        if row is None:
            return failure(Conflict("the integration was removed meanwhile")).to_json()
        if row.state == IntegrationState.INACTIVE and not has_entities(acting, row):
            return success(f"{row.name} is inactive already", removed=0, kept=0, total=0).to_json()
        if row.state not in (IntegrationState.DEACTIVATING, IntegrationState.INACTIVE):
            return failure(Conflict(f"{row.name} is {row.state}, and is not being deactivated")).to_json()
        keep_schedule(acting, row)
        stop_jobs(acting, row)
        end_runs(acting, row.id)
        material = material_of(acting.session, run.installation, row)
    _wait_for_workers(run, integration_id)
    left = _taken_back(run, material)
    if left is not None and not run.payload["force"]:
        return _failed(run, material, left).to_json()
    removed = remove_entities(run, integration_id, mode)
    return _inactive(run, material, removed, left).to_json()


def _wait_for_workers(run: JobRun, integration_id: str) -> None:
    """For what runs to be left. Whoever does not leave in time can commit nothing more all the same."""
    until = run.clock.monotonic() + STOP_SECONDS
    while run.clock.monotonic() < until:
        with run.begin(write=False) as acting:
            row = acting.session.get_one(Integration, integration_id)
            if not open_jobs(acting, row):
                return
        run.sleep(LOOK_SECONDS)


def _taken_back(run: JobRun, material: Material) -> GatewayError | None:
    """Why what was prepared could not be taken back; None where it was."""
    try:
        take_back(run, material)
    except StorageUnavailable:
        raise
    except GatewayError as error:
        return error
    return None


def _failed(run: JobRun, material: Material, error: GatewayError) -> Result:
    with run.begin() as acting:
        row = acting.session.get_one(Integration, material.id, with_for_update=True)
        _become(row, IntegrationState.FAILED)
        row.reason = LEFT_BEHIND
        row.detail = f"what was prepared outside could not be taken back: {error}"
        row.updated_at = acting.now
        acting.audit("integration.deactivation_failed", row.id, row.name, after={"state": row.state})
        message = f"{row.detail}. Nothing was removed here; deactivate again, or by force to leave it there"
    return Result(status="error", message=message, code=error.code, details={"left": sorted(material.prepared)})


def _inactive(run: JobRun, material: Material, removed: Removed, left: GatewayError | None) -> Result:
    with run.begin() as acting:
        row = acting.session.get_one(Integration, material.id, with_for_update=True)
        remove_traces(acting, row.id, run.payload["mode"])
        was_active = row.state != IntegrationState.INACTIVE
        _become(row, IntegrationState.INACTIVE)
        row.prepared = {}
        row.reason = row.detail = row.activated_at = row.health_since = row.data_at = None
        row.health, row.health_state = {}, Health.UNKNOWN
        row.updated_at = acting.now
        if was_active:
            tell(acting, INTEGRATION_DEACTIVATED, row)
        counts = {"removed": removed.removed, "kept": removed.kept, "total": removed.removed + removed.kept}
        acting.audit("integration.deactivated", row.id, row.name, after={"mode": run.payload["mode"], **counts})
        name = row.name
    message = f"{name} is inactive: {removed.removed} entities removed"
    if removed.kept:
        message += f", {removed.kept} kept because they carry data or edits of your own"
    if left is not None:
        message += f". Left outside: {', '.join(sorted(material.prepared))} ({left})"
    details: dict[str, Any] = {} if left is None else {"left": sorted(material.prepared)}
    return success(message, **counts, **details)


def _become(row: Integration, state: IntegrationState) -> None:
    check_step(IntegrationState(row.state), state)
    row.state = state
