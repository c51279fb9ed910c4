"""A record in quarantine as data: what is shown, and what may be asked for of a list."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from gateway.entities.states import QuarantineState
from gateway.schema_fields import Instant

STATES = [state.value for state in QuarantineState]


class ReasonSchema(Schema):
    """What is wrong with a record: where in it, a code, and a sentence."""

    pointer = fields.String()
    code = fields.String()
    message = fields.String()


class QuarantinedSchema(Schema):
    """A record that could not be taken in. `raw` is its text as it came; `times` is how often it came like this."""

    id = fields.String()
    integration = fields.String(allow_none=True, metadata={"description": "Its name; null when it is there no more."})
    instance_id = fields.String(metadata={"description": "The integration's id."})
    resource = fields.String()
    integration_id = fields.String(allow_none=True, metadata={"description": "Its external id, where it has one."})
    state = fields.String(validate=validate.OneOf(STATES))
    reasons = fields.List(fields.Nested(ReasonSchema))
    raw = fields.String()
    run_id = fields.String(allow_none=True)
    times = fields.Integer()
    first_at = Instant()
    last_at = Instant()


class QuarantineQuerySchema(Schema):
    """Which records of a list."""

    integration = fields.String(load_default=None, metadata={"description": "The name or id of an integration."})
    resource = fields.String(load_default=None)
    state = fields.String(load_default=None, validate=validate.OneOf(STATES))
