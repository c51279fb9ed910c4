"""The kind of job that learns how often events come to sources, and tells of those that fell silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.deferred import deferred
from gateway.jobs.kind import Kind, Result

if TYPE_CHECKING:
    from gateway.jobs.run import JobRun

_watching = deferred("gateway.webhooks.rhythm.watching")

NAME = "sources.watch"


def _run(run: JobRun) -> Result:
    found: Result = _watching.watch(run)
    return found


# What it has not come to is looked at the next time.
WATCH = Kind(
    name=NAME,
    payload="gateway.webhooks.rhythm.payload:WatchPayload",
    run=_run,
    timeout_seconds=3_600.0,
    concurrency=1,
    uniqueness=lambda _payload: NAME,
    gives_way=True,
)
