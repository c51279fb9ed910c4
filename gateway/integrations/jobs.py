"""The kinds of jobs of integrations: their names, limits, and where what carries them out stands.

That is loaded by its name when a job runs: whoever only asks for one needs nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Final

from gateway.jobs.from_events import RECORDS_NAMED
from gateway.jobs.kind import Kind, Result
from gateway.tenants.api_keys.scopes import Scope

if TYPE_CHECKING:
    from gateway.jobs.run import JobRun

_HOUR: Final = 3600.0
_PAYLOADS: Final = "gateway.integrations.payloads"


def _carry_out(where: str, run: JobRun) -> Result:
    function: Callable[[JobRun], Result] = resolve_name(where)
    return function(run)


def _by_integration(payload: Mapping[str, Any]) -> str:
    return str(payload["integration"])


def _by_integration_and_plan(payload: Mapping[str, Any]) -> str:
    """A plan changes nothing, and does not wait for who does."""
    return f"plan:{payload['integration']}" if payload.get("is_plan") else str(payload["integration"])


SYNC: Final = Kind(
    name="integrations.sync",
    payload=f"{_PAYLOADS}:SyncPayload",
    run=partial(_carry_out, "gateway.integrations.syncing:carry_out_sync"),
    timeout_seconds=24 * _HOUR,
    scope=Scope.INTEGRATIONS_WRITE,
    tenant_concurrency=4,
    uniqueness=_by_integration_and_plan,
    gives_way=True,
)
PUSH: Final = Kind(
    name="integrations.push",
    payload=f"{_PAYLOADS}:IntegrationPayload",
    run=partial(_carry_out, "gateway.integrations.syncing:carry_out_push"),
    timeout_seconds=_HOUR,
    scope=Scope.INTEGRATIONS_WRITE,
    retry_seconds=(5.0, 30.0, 120.0, 600.0),
    tenant_concurrency=4,
    uniqueness=_by_integration,
    gives_way=True,
)
ACTIVATE: Final = Kind(
    name="integrations.activate",
    payload=f"{_PAYLOADS}:ActivatePayload",
    run=partial(_carry_out, "gateway.integrations.lifecycle.activation:carry_out"),
    timeout_seconds=300.0,
    scope=Scope.INTEGRATIONS_WRITE,
    uniqueness=_by_integration,
)
DEACTIVATE: Final = Kind(
    name="integrations.deactivate",
    payload=f"{_PAYLOADS}:DeactivatePayload",
    run=partial(_carry_out, "gateway.integrations.lifecycle.deactivation:carry_out"),
    timeout_seconds=6 * _HOUR,
    scope=Scope.INTEGRATIONS_WRITE,
    uniqueness=_by_integration,
    gives_way=True,
)

HEALTH: Final = Kind(
    name="integrations.health",
    payload=f"{_PAYLOADS}:IntegrationPayload",
    run=partial(_carry_out, "gateway.integrations.health.checking:carry_out"),
    timeout_seconds=600.0,
    scope=Scope.INTEGRATIONS_WRITE,
    tenant_concurrency=2,
    uniqueness=_by_integration,
)
STREAM: Final = Kind(
    name="integrations.stream",
    payload=f"{_PAYLOADS}:StreamPayload",
    run=partial(_carry_out, "gateway.integrations.streaming:carry_out"),
    timeout_seconds=24 * _HOUR,
    scope=Scope.INTEGRATIONS_WRITE,
    uniqueness=_by_integration,
    is_resident=True,
)
NOTICE: Final = Kind(
    name=RECORDS_NAMED,
    payload=f"{_PAYLOADS}:NoticePayload",
    run=partial(_carry_out, "gateway.integrations.noticing:carry_out"),
    timeout_seconds=60.0,
    scope=Scope.INTEGRATIONS_WRITE,
    retry_seconds=(5.0, 30.0, 300.0),
    tenant_concurrency=2,
    uniqueness=lambda payload: str(payload["event"]),
)
UPKEEP: Final = Kind(
    name="integrations.upkeep",
    payload="marshmallow:Schema",
    run=partial(_carry_out, "gateway.integrations.upkeep:carry_out"),
    timeout_seconds=300.0,
    uniqueness=lambda _payload: "upkeep",
)

OF_ONE: Final = (SYNC, PUSH, HEALTH, STREAM)
"""The kinds of what runs while an integration is active, and is stopped with it."""
