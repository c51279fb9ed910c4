"""The kind of job that keeps connections alive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.deferred import deferred
from gateway.jobs.kind import Kind, Result

if TYPE_CHECKING:
    from gateway.jobs.run import JobRun

_ahead = deferred("gateway.oauth.refreshing.ahead")
_tidying = deferred("gateway.oauth.refreshing.tidying")

NAME = "connections.refresh"


def _run(run: JobRun) -> Result:
    counts = dict(_ahead.refresh_due(run))
    with run.begin_for_system() as acting:
        warned = _tidying.warn(acting, acting.now)
    with run.begin_for_system() as acting:
        _tidying.drop_secrets(acting, acting.now)
    with run.begin_for_system() as acting:
        forgotten = _tidying.forget(acting, acting.now, kind=NAME)
    return counts | {"warned": warned, "forgotten": forgotten}


# What is due stays so until it is done.
REFRESH = Kind(
    name=NAME,
    payload="gateway.oauth.refreshing.payload:RefreshPayload",
    run=_run,
    timeout_seconds=600.0,
    concurrency=1,
    uniqueness=lambda _payload: NAME,
)
