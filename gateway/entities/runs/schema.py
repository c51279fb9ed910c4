"""A sync run as data: what is shown, and what may be asked for of a list."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from gateway.entities.states import RunMode, RunState
from gateway.schema_fields import Instant

STATES = [state.value for state in RunState]
MODES = [mode.value for mode in RunMode]


class SyncRunSchema(Schema):
    """A sync run with its results so far. `counts` are by name, and `fields` in it says how many updates changed each.
    `errors` are its first few. `held` says what it would delete of each resource, while a person has not decided.
    """

    id = fields.String()
    integration = fields.String(allow_none=True, metadata={"description": "Its name; null when it is there no more."})
    instance_id = fields.String(metadata={"description": "The integration's id."})
    job_id = fields.String(allow_none=True)
    mode = fields.String(validate=validate.OneOf(MODES))
    trigger = fields.String(metadata={"description": "What began it: `person`, `schedule`, `webhook`, `stream`, …"})
    is_plan = fields.Boolean(metadata={"description": "It says what would happen, and changed nothing."})
    state = fields.String(validate=validate.OneOf(STATES))
    counts = fields.Dict(keys=fields.String())
    errors = fields.List(fields.Dict(keys=fields.String()))
    held = fields.Dict(keys=fields.String(), allow_none=True)
    plan = fields.Dict(
        keys=fields.String(), allow_none=True, metadata={"description": "The plan before it: `run_id`, `counts`."}
    )
    error_code = fields.String(allow_none=True)
    error = fields.String(allow_none=True)
    started_at = Instant()
    ended_at = Instant(allow_none=True)
    duration_seconds = fields.Float(allow_none=True)


class SyncRunQuerySchema(Schema):
    """Which sync runs of a list."""

    integration = fields.String(load_default=None, metadata={"description": "The name or id of an integration."})
    state = fields.String(load_default=None, validate=validate.OneOf(STATES))
    is_plan = fields.Boolean(load_default=None)
