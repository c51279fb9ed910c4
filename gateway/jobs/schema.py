"""A job as data: what is shown, and what may be asked for of a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from gateway.jobs.models import JobState
from gateway.jobs.search import JobSearch
from gateway.schema_fields import Instant

STATES = [state.value for state in JobState]


class JobSchema(Schema):
    """A job with its progress so far. `result` is there when it has succeeded; `error` says why it failed, or why it is
    tried again. `tenant_id` is null for the installation's own.
    """

    id = fields.String()
    tenant_id = fields.String(allow_none=True)
    kind = fields.String()
    payload = fields.Dict(keys=fields.String())
    state = fields.String(validate=validate.OneOf(STATES))
    uniqueness_key = fields.String(allow_none=True)
    due_at = Instant()
    attempts_made = fields.Integer()
    progress_done = fields.Integer()
    progress_total = fields.Integer(allow_none=True)
    progress_line = fields.String(allow_none=True)
    result = fields.Dict(keys=fields.String(), allow_none=True)
    error_code = fields.String(allow_none=True)
    error = fields.String(allow_none=True)
    asker_kind = fields.String()
    asker_id = fields.String(allow_none=True)
    asker_name = fields.String()
    request_id = fields.String(allow_none=True)
    schedule_id = fields.String(allow_none=True)
    cancel_requested_at = Instant(allow_none=True)
    created_at = Instant()
    started_at = Instant(allow_none=True)
    finished_at = Instant(allow_none=True)
    worker = fields.String(allow_none=True)


class JobQuerySchema(Schema):
    """Which jobs of a list."""

    state = fields.String(load_default=None, validate=validate.OneOf(STATES))
    kind = fields.String(load_default=None)
    schedule = fields.String(load_default=None)


def job_search(data: Mapping[str, Any]) -> JobSearch:
    """What `JobQuerySchema` loaded."""
    state = None if data["state"] is None else JobState(data["state"])
    return JobSearch(state, data["kind"], data["schedule"])
