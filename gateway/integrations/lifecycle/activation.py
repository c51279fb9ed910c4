"""Activating: validated, tested, prepared, active. What a step that fails has made is taken back.

Each step may be done again: a process that dies amid it leaves the integration `activating`, and whoever takes its job
over begins anew, with what was prepared on record.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.errors import Conflict, GatewayError, StorageUnavailable
from gateway.events.system import INTEGRATION_ACTIVATED
from gateway.integrations.attributes import raise_faults
from gateway.integrations.health.observing import of_call
from gateway.integrations.health.recording import record
from gateway.integrations.lifecycle.hooks import prepare, take_back
from gateway.integrations.management.changing import stored_draft
from gateway.integrations.management.draft import faults
from gateway.integrations.management.trying import seen_by
from gateway.integrations.models import Integration
from gateway.integrations.opening import Material, material_of, type_of
from gateway.integrations.requesting import request_stream, request_sync
from gateway.integrations.results import Result, failure, success
from gateway.integrations.schedules import keep_schedule
from gateway.integrations.states import IntegrationState, check_step
from gateway.integrations.telling import tell
from gateway.integrations.type import Action, Seen
from gateway.jobs.run import JobRun

CANCELLED = "activation_cancelled"
LEFT_BEHIND = "not_taken_back"


def carry_out(run: JobRun) -> Mapping[str, Any]:
    """Activate the integration of the job. Raises `JobInterrupted`, `StorageUnavailable`, `Conflict`."""
    with run.begin(write=False) as acting:
        row = acting.session.get(Integration, run.payload["integration"])
        if row is None:
            return failure(Conflict("the integration was removed meanwhile")).to_json()
        if row.state == IntegrationState.ACTIVE:
            return success(f"{row.name} is active already").to_json()
        if row.state != IntegrationState.ACTIVATING:
            return failure(Conflict(f"{row.name} is {row.state}, and is not being activated")).to_json()
        material = material_of(acting.session, run.installation, row)
        draft = stored_draft(row)
    if run.payload["undo"]:
        return _undone(run, material, Cancelled("activating it was stopped")).to_json()
    try:
        type_ = type_of(run.installation, material)
        plain_http = run.installation.policy.allow_private
        raise_faults(faults(type_, draft, held=frozenset(material.secrets), plain_http=plain_http))
        seen = seen_by(run.installation, material, Action.TEST)
        run.checkpoint()
        prepare(run, material)
    except StorageUnavailable:
        raise
    except GatewayError as error:
        return _undone(run, material, error).to_json()
    return _activated(run, material, seen).to_json()


class Cancelled(GatewayError):
    """Activating was stopped by a person."""

    code = CANCELLED
    http_status = 409


def _activated(run: JobRun, material: Material, seen: Seen) -> Result:
    with run.begin() as acting:
        row = acting.session.get_one(Integration, material.id, with_for_update=True)
        _become(row, IntegrationState.ACTIVE)
        row.reason = row.detail = None
        row.activated_at = row.updated_at = acting.now
        keep_schedule(acting, row)
        sync = request_sync(acting, row, trigger="activation")
        request_stream(acting, row)
        record(acting, row, of_call(None, seen.message or "it answers"))
        tell(acting, INTEGRATION_ACTIVATED, row)
        acting.audit("integration.activated", row.id, row.name, after={"state": row.state})
    return success(seen.message or f"{row.name} is active", sync_job=sync.id, seen=dict(seen.details))


def _undone(run: JobRun, material: Material, error: GatewayError) -> Result:
    """Take back what was prepared; where that fails too, it is kept on record and the integration has failed."""
    with run.begin(write=False) as acting:
        row = acting.session.get_one(Integration, material.id)
        # What was kept since it was read.
        material = material_of(acting.session, run.installation, row)
    left: GatewayError | None = None
    try:
        take_back(run, material)
    except StorageUnavailable:
        raise
    except GatewayError as other:
        left = other
    with run.begin() as acting:
        row = acting.session.get_one(Integration, material.id, with_for_update=True)
        _become(row, IntegrationState.INACTIVE if left is None else IntegrationState.FAILED)
        if left is None:
            row.prepared = {}
            row.reason, row.detail = error.code, str(error)
        else:
            row.reason = LEFT_BEHIND
            row.detail = f"{error}; and what was prepared could not be taken back: {left}"
        row.updated_at = acting.now
        after = {"state": row.state, "reason": row.reason}
        acting.audit("integration.activation_failed", row.id, row.name, after=after)
        detail = row.detail
    return Result(status="error", message=detail, code=error.code, details={"state": row.state})


def _become(row: Integration, state: IntegrationState) -> None:
    check_step(IntegrationState(row.state), state)
    row.state = state
