"""The kind of job that applies the deletions of a run which a person has confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.deferred import deferred
from gateway.jobs.kind import Kind, Result
from gateway.tenants.api_keys.scopes import Scope

if TYPE_CHECKING:
    from gateway.jobs.run import JobRun

_applying = deferred("gateway.entities.held_runs.applying")


def _run(run: JobRun) -> Result:
    result: Result = _applying.apply_held(run)
    return result


CONFIRM = Kind(
    name="entities.delete",
    scope=Scope.INTEGRATIONS_WRITE,
    payload="gateway.entities.held_runs.payload:ConfirmPayload",
    run=_run,
    timeout_seconds=3_600.0,
    retry_seconds=(5.0, 30.0, 120.0),
    uniqueness=lambda payload: str(payload["run"]),
    gives_way=True,
)
