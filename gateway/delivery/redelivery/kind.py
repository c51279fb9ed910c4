"""The kind of job that delivers an event again which came again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.deferred import deferred
from gateway.jobs.from_events import CAME_AGAIN
from gateway.jobs.kind import Kind, Result
from gateway.tenants.api_keys.scopes import Scope

if TYPE_CHECKING:
    from gateway.jobs.run import JobRun

_redeliver = deferred("gateway.delivery.redelivery.redeliver")

TIMEOUT_SECONDS = 60.0


def _run(run: JobRun) -> Result:
    result: Result = _redeliver.redeliver(run)
    return result


REDELIVER = Kind(
    name=CAME_AGAIN,
    scope=Scope.EVENTS_REPLAY,
    payload="gateway.delivery.redelivery.payload:RedeliverPayload",
    run=_run,
    timeout_seconds=TIMEOUT_SECONDS,
    retry_seconds=(5.0, 60.0, 600.0),
)
