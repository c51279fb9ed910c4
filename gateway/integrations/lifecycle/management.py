"""What a person does with an integration's life: activate, deactivate, pause, resume.

The first two are jobs that are carried out in the process of whoever asks; when that dies, a worker goes on with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.errors import Conflict, Hint, IllegalTransition
from gateway.installation import Installation
from gateway.integrations.attributes import raise_faults
from gateway.integrations.jobs import ACTIVATE, DEACTIVATE
from gateway.integrations.lifecycle.consequences import SAFE
from gateway.integrations.management.changing import stored_draft
from gateway.integrations.management.draft import faults
from gateway.integrations.management.storing import note_changed
from gateway.integrations.models import Integration
from gateway.integrations.registry import registry_of
from gateway.integrations.requesting import request_push, request_stream, request_sync, stop_jobs
from gateway.integrations.results import Result, from_json, success
from gateway.integrations.rows import require_integration
from gateway.integrations.schedules import keep_schedule
from gateway.integrations.states import IntegrationState, check_step
from gateway.integrations.summary import IntegrationSummary, summary
from gateway.jobs.here import carry_out_here
from gateway.jobs.kind import Kind
from gateway.jobs.request import Holder, request_job
from gateway.jobs.run import OnProgress
from gateway.jobs.summary import JobSummary
from gateway.oauth import vault
from gateway.tenants.acting import Acting, Transactions
from gateway.tenants.audit import Actor


@dataclass(frozen=True, slots=True)
class _Caller:
    """Who asks, and what of."""

    installation: Installation
    actor: Actor
    integration: IntegrationSummary


def activate(begin: Transactions, name: str, *, on_progress: OnProgress | None = None) -> Result:
    """Activate an integration: it is validated, tested and prepared. One that is active stays so.

    Raises `NotFound`, `InvalidInput` for what is wrong with its configuration, `Conflict` while it is amid another
    step; whatever its system says is in the result.
    """
    caller = _caller(begin, name)
    if caller.integration.state == IntegrationState.ACTIVE:
        return success(f"{caller.integration.name} is active already")

    def ask(holder: Holder) -> JobSummary:
        with begin() as acting:
            row = require_integration(acting.session, name, lock=True)
            _require_valid(acting, row)
            _begin(row, IntegrationState.ACTIVATING)
            return request_job(acting, ACTIVATE, {"integration": row.id}, holder=holder)

    return _carried_out(caller, ACTIVATE, ask, on_progress)


def deactivate(
    begin: Transactions, name: str, *, mode: str = SAFE, force: bool = False, on_progress: OnProgress | None = None
) -> Result:
    """Take an integration down. In the mode `safe` entities that carry the user's own stay, in `all` none does; `force`
    goes on where what was prepared outside cannot be taken back. One that is inactive stays so.

    Raises `NotFound`, and `Conflict` while it is amid another step.
    """
    caller = _caller(begin, name)

    def ask(holder: Holder) -> JobSummary:
        with begin() as acting:
            row = require_integration(acting.session, name, lock=True)
            if row.state != IntegrationState.INACTIVE:
                _begin(row, IntegrationState.DEACTIVATING)
            payload = {"integration": row.id, "mode": mode, "force": force}
            return request_job(acting, DEACTIVATE, payload, holder=holder)

    return _carried_out(caller, DEACTIVATE, ask, on_progress)


def pause(acting: Acting, name: str) -> IntegrationSummary:
    """Let it sync no more until it is resumed; local edits wait. Repeating it changes nothing.

    Raises `NotFound`, and `IllegalTransition` where it is not active.
    """
    row, before = _switchable(acting, name)
    if row.state == IntegrationState.PAUSED:
        return before
    _switch(acting, row, IntegrationState.PAUSED)
    stop_jobs(acting, row)
    return note_changed(acting, row, "integration.paused", before)


def resume(acting: Acting, name: str) -> IntegrationSummary:
    """Let it sync again, now and by its schedule. Repeating it changes nothing. Raises as `pause`."""
    row, before = _switchable(acting, name)
    if row.state == IntegrationState.ACTIVE:
        return before
    _switch(acting, row, IntegrationState.ACTIVE)
    request_sync(acting, row, trigger="person")
    request_push(acting, row)
    request_stream(acting, row)
    return note_changed(acting, row, "integration.resumed", before)


def _switchable(acting: Acting, name: str) -> tuple[Integration, IntegrationSummary]:
    row = require_integration(acting.session, name, lock=True)
    if row.state not in (IntegrationState.ACTIVE, IntegrationState.PAUSED):
        message = f"the integration {row.name!r} is {row.state}"
        raise IllegalTransition(message, Hint("activate_integration", {"name": row.name}))
    return row, summary(acting, row)


def _switch(acting: Acting, row: Integration, wanted: IntegrationState) -> None:
    check_step(IntegrationState(row.state), wanted)
    row.state, row.reason, row.detail, row.updated_at = wanted, None, None, acting.now
    keep_schedule(acting, row)


def _begin(row: Integration, state: IntegrationState) -> None:
    """Let a step begin, unless one is under way."""
    if row.state in (IntegrationState.ACTIVATING, IntegrationState.DEACTIVATING):
        raise Conflict(f"the integration {row.name!r} is {row.state}: wait until that has ended")
    check_step(IntegrationState(row.state), state)
    row.state = state


def _require_valid(acting: Acting, row: Integration) -> None:
    type_ = registry_of(acting.installation).require(row.type)
    held = frozenset(vault.fields(acting.session, row.id))
    raise_faults(faults(type_, stored_draft(row), held=held, plain_http=acting.installation.policy.allow_private))


def _caller(begin: Transactions, name: str) -> _Caller:
    with begin(write=False) as acting:
        row = require_integration(acting.session, name)
        return _Caller(acting.installation, acting.actor, summary(acting, row))


def _carried_out(caller: _Caller, kind: Kind, ask: Any, on_progress: OnProgress | None) -> Result:
    def hear(_done: int, _total: int | None, _line: str | None) -> None:
        return None

    came: Mapping[str, Any] | None = carry_out_here(
        caller.installation, kind, ask, actor=caller.actor, on_progress=on_progress or hear
    )
    return from_json(came or {})
