"""A destination as data: what is shown of it, and what may be given for it. Values of headers are never shown."""

from __future__ import annotations

from marshmallow import Schema, fields

from gateway.schema_fields import Instant, OutOfOrderSchema, texts


class BacklogSchema(Schema):
    """How much work the destination has before it, and how much was given up."""

    pending = fields.Integer()
    leased = fields.Integer()
    dead = fields.Integer()


class DestinationSchema(Schema):
    """Shown in this order; what may be given follows."""

    id = fields.String(dump_only=True)
    name = fields.String(required=True)
    kind = fields.String(dump_only=True)
    url = fields.String(required=True)
    handler = fields.String(dump_only=True)
    timeout_seconds = fields.Float(dump_only=True)
    concurrency = fields.Integer(strict=True)
    rate_per_second = fields.Float(dump_only=True)
    schedule_seconds = fields.List(fields.Float(), dump_only=True)
    ordering_key = fields.String()
    fatal_statuses = fields.List(fields.Integer(strict=True))
    header_names = fields.List(fields.String(), dump_only=True)
    secret_ends = fields.List(Instant(), dump_only=True)
    disabled_at = Instant(dump_only=True)
    disabled_reason = fields.String(dump_only=True)
    circuit = fields.String(dump_only=True)
    probe_at = Instant(dump_only=True)
    paused_until = Instant(dump_only=True)
    backlog = fields.Nested(BacklogSchema, dump_only=True)
    created_at = Instant(dump_only=True)
    updated_at = Instant(dump_only=True)
    state = fields.String(dump_only=True)
    out_of_order = fields.Nested(OutOfOrderSchema, dump_only=True)

    timeout = fields.Float(load_only=True)
    rate = fields.Float(load_only=True)
    schedule = fields.List(fields.Float(), load_only=True)
    headers = texts(load_only=True)
    enabled = fields.Boolean(load_only=True, load_default=True)
