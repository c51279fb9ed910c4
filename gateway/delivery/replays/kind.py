"""The kind of job that replays many events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.deferred import deferred
from gateway.jobs.kind import Kind, Result
from gateway.tenants.api_keys.scopes import Scope

if TYPE_CHECKING:
    from gateway.jobs.run import JobRun

_carrying_out = deferred("gateway.delivery.replays.carrying_out")

TIMEOUT_SECONDS = 7 * 86_400.0


def _run(run: JobRun) -> Result:
    result: Result = _carrying_out.replay(run)
    return result


# Of each tenant one at a time: two would only wait for the same room.
REPLAY = Kind(
    name="events.replay",
    scope=Scope.EVENTS_REPLAY,
    payload="gateway.delivery.replays.payload:ReplayPayload",
    run=_run,
    timeout_seconds=TIMEOUT_SECONDS,
    tenant_concurrency=1,
    gives_way=True,
)
