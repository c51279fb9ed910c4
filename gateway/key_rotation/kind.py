"""The kind of job that seals everything anew with the first encryption key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.deferred import deferred
from gateway.jobs.kind import Kind, Result

if TYPE_CHECKING:
    from gateway.jobs.run import JobRun

_rotation = deferred("gateway.key_rotation.rotation")

TIMEOUT_SECONDS = 7 * 86_400.0


def _run(run: JobRun) -> Result:
    result: Result = _rotation.rotate(run)
    return result


# Done again, it finds what is left.
ROTATE = Kind(
    name="secrets.rotate",
    payload="gateway.key_rotation.payload:RotationPayload",
    run=_run,
    timeout_seconds=TIMEOUT_SECONDS,
    concurrency=1,
    gives_way=True,
)
