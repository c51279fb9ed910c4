"""The kind of job that forgets many events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.deferred import deferred
from gateway.jobs.kind import Kind, Result
from gateway.tenants.api_keys.scopes import Scope

if TYPE_CHECKING:
    from gateway.jobs.run import JobRun

_many = deferred("gateway.webhooks.forgetting.many")

TIMEOUT_SECONDS = 86_400.0


def _run(run: JobRun) -> Result:
    result: Result = _many.forget(run)
    return result


FORGET = Kind(
    name="events.forget",
    scope=Scope.EVENTS_FORGET,
    payload="gateway.webhooks.forgetting.payload:ForgetPayload",
    run=_run,
    timeout_seconds=TIMEOUT_SECONDS,
    tenant_concurrency=1,
    gives_way=True,
)
