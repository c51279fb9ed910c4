"""A schedule as data: what is shown, and what may be asked for of a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from gateway.jobs.schedules.search import ScheduleSearch
from gateway.jobs.schedules.summary import ScheduleState
from gateway.schema_fields import Instant

STATES = [state.value for state in ScheduleState]


class ScheduleSchema(Schema):
    """A schedule. It has either `every_seconds`, or `cron` with `time_zone`; what it makes due is up to
    `jitter_seconds` later. `next_at` is null while it is paused, `tenant_id` for the installation's own.
    """

    id = fields.String()
    tenant_id = fields.String(allow_none=True)
    name = fields.String()
    kind = fields.String()
    payload = fields.Dict(keys=fields.String())
    every_seconds = fields.Integer(allow_none=True)
    cron = fields.String(allow_none=True)
    time_zone = fields.String(allow_none=True)
    jitter_seconds = fields.Integer()
    state = fields.String(validate=validate.OneOf(STATES))
    next_at = Instant(allow_none=True)
    last_at = Instant(allow_none=True)
    last_job_id = fields.String(allow_none=True)
    created_at = Instant()


class ScheduleQuerySchema(Schema):
    """Which schedules of a list."""

    state = fields.String(load_default=None, validate=validate.OneOf(STATES))
    kind = fields.String(load_default=None)


def schedule_search(data: Mapping[str, Any]) -> ScheduleSearch:
    """What `ScheduleQuerySchema` loaded."""
    return ScheduleSearch(None if data["state"] is None else ScheduleState(data["state"]), data["kind"])
