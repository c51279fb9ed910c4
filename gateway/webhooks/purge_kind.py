"""The kind of job that forgets what is old."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from gateway.deferred import deferred
from gateway.jobs.kind import Kind, Result

if TYPE_CHECKING:
    from gateway.delivery.retention import Cutoff
    from gateway.jobs.run import JobRun

_purge = deferred("gateway.webhooks.purge")
_retention = deferred("gateway.delivery.retention")
_sources = deferred("gateway.webhooks.sources.retention")

TIMEOUT_SECONDS = 86_400.0


def _run(run: JobRun) -> Result:
    gone = _purge.Forgotten()
    for gone in _purge.purge(run.installation, _cutoff(run), actor=run.actor):
        run.checkpoint()
        run.progress(gone.events)
    return asdict(gone)


def _cutoff(run: JobRun) -> Cutoff:
    asked = run.payload
    found: Cutoff
    if asked["before"] is None:
        found = _purge.cutoff_of(run.installation, _purge.PurgeRequest())
    else:
        before, dead_before = (datetime.fromisoformat(asked[name]) for name in ("before", "dead_before"))
        with run.installation.database.system_session() as session:
            own = _sources.own_retentions(session, run.installation.now(), tenant_id=asked["tenant_id"])
        found = _retention.Cutoff(before, dead_before, asked["tenant_id"], own)
    return found


# Done again, it finds what is left.
PURGE = Kind(
    name="events.purge",
    payload="gateway.webhooks.purge_payload:PurgePayload",
    run=_run,
    timeout_seconds=TIMEOUT_SECONDS,
    concurrency=1,
    retry_seconds=(300.0, 3600.0),
    gives_way=True,
)
