"""The kinds of jobs that end a grant at its provider, and that hear from the provider that one has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.deferred import deferred
from gateway.jobs.from_events import GRANT_ENDED
from gateway.jobs.kind import Kind, Result

if TYPE_CHECKING:
    from gateway.jobs.run import JobRun

_at_provider = deferred("gateway.oauth.ending.at_provider")
_by_provider = deferred("gateway.oauth.ending.by_provider")

HOUR = 3600.0
RETRY_SECONDS = (30.0, 120.0, 600.0, 1800.0, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, *(12 * HOUR,) * 14)
"""Seven days in all, and one more try, which gives up."""


def _run(run: JobRun) -> Result:
    result: Result = _at_provider.carry_out(run)
    return result


def _look(run: JobRun) -> Result:
    result: Result = _by_provider.carry_out(run)
    return result


REVOKE = Kind(
    name="connections.revoke",
    payload="gateway.oauth.ending.payload:RevokePayload",
    run=_run,
    timeout_seconds=120.0,
    retry_seconds=RETRY_SECONDS,
    tenant_concurrency=4,
    uniqueness=lambda payload: str(payload["revocation"]),
)
ENDED = Kind(
    name=GRANT_ENDED,
    payload="gateway.oauth.ending.payload:EndedPayload",
    run=_look,
    timeout_seconds=120.0,
    retry_seconds=(5.0, 30.0, 300.0, 1800.0, HOUR),
    uniqueness=lambda payload: str(payload["event"]),
)
