"""The kind of job that replays many events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from marshmallow import Schema, fields

from gateway.deferred import deferred
from gateway.jobs.kind import Kind, Result

if TYPE_CHECKING:
    from gateway.jobs.run import JobRun

_carrying_out = deferred("gateway.delivery.replays.carrying_out")

TIMEOUT_SECONDS = 7 * 86_400.0


class ReplayPayload(Schema):
    """What was asked for (`draft.as_asked`), and whether that is only to be counted."""

    source = fields.String(allow_none=True, load_default=None)
    type = fields.String(allow_none=True, load_default=None)
    status = fields.String(allow_none=True, load_default=None)
    since = fields.String(allow_none=True, load_default=None)
    until = fields.String(required=True)
    route = fields.String(allow_none=True, load_default=None)
    destination = fields.String(allow_none=True, load_default=None)
    again = fields.String(required=True)
    is_plan = fields.Boolean(load_default=False)


def _run(run: JobRun) -> Result:
    result: Result = _carrying_out.replay(run)
    return result


# Of each tenant one at a time: two would only wait for the same room.
REPLAY = Kind(
    name="events.replay",
    payload=ReplayPayload,
    run=_run,
    timeout_seconds=TIMEOUT_SECONDS,
    tenant_concurrency=1,
    gives_way=True,
)
