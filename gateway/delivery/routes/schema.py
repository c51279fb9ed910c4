"""A route as it is shown as data. What may be given for one is in `draft_schema`."""

from __future__ import annotations

from marshmallow import Schema, fields

from gateway.schema_fields import Instant, OutOfOrderSchema


class RouteSchema(Schema):
    """Shown in this order."""

    id = fields.String()
    name = fields.String()
    source = fields.String()
    event_types = fields.List(fields.String())
    where = fields.String(allow_none=True)
    transform = fields.String(allow_none=True)
    allow_null = fields.Boolean()
    connection = fields.String(allow_none=True)
    destination = fields.String()
    created_at = Instant()
    state = fields.String()
    out_of_order = fields.Nested(OutOfOrderSchema, allow_none=True)
