"""A route as data: what is shown of it, and what may be given for it."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from gateway.schema_fields import Instant, OutOfOrderSchema


class RouteSchema(Schema):
    """Shown in this order; what may be given follows."""

    id = fields.String(dump_only=True)
    name = fields.String()
    source = fields.String(required=True)
    event_types = fields.List(fields.String(), dump_only=True)
    where = fields.String()
    transform = fields.String()
    allow_null = fields.Boolean(load_default=False)
    destination = fields.String(dump_only=True)
    created_at = Instant(dump_only=True)
    state = fields.String(dump_only=True)
    out_of_order = fields.Nested(OutOfOrderSchema, dump_only=True)

    types = fields.List(fields.String(), load_only=True, validate=validate.Length(min=1))
    to = fields.String(load_only=True, required=True)
