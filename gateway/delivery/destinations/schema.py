"""A destination as it is shown as data: values of headers never are. What may be given for one is in `draft_schema`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from marshmallow import Schema, fields

from gateway.schema_fields import VOLATILE, Instant, OutOfOrderSchema

if TYPE_CHECKING:
    from gateway.delivery.destinations.management import DestinationWithSecret


class BacklogSchema(Schema):
    """How much work the destination has before it, and how much was given up."""

    pending = fields.Integer()
    leased = fields.Integer()
    dead = fields.Integer()


class DestinationSchema(Schema):
    """Shown in this order. Null settings mean the gateway's defaults."""

    id = fields.String()
    name = fields.String()
    kind = fields.String(metadata={"description": "`http` or `handler`."})
    url = fields.String(allow_none=True)
    handler = fields.String(allow_none=True)
    timeout_seconds = fields.Float(allow_none=True)
    concurrency = fields.Integer(allow_none=True)
    rate_per_second = fields.Float(allow_none=True)
    schedule_seconds = fields.List(fields.Float(), allow_none=True)
    ordering_key = fields.String(allow_none=True)
    fatal_statuses = fields.List(fields.Integer())
    header_names = fields.List(fields.String())
    connection = fields.String(allow_none=True)
    secret_ends = fields.List(
        Instant(allow_none=True), metadata={"description": "When each live signing secret ends; null: it does not."}
    )
    disabled_at = Instant(allow_none=True)
    disabled_reason = fields.String(allow_none=True)
    circuit = fields.String(metadata=VOLATILE)
    probe_at = Instant(allow_none=True, metadata=VOLATILE)
    paused_until = Instant(allow_none=True, metadata=VOLATILE)
    backlog = fields.Nested(BacklogSchema, metadata=VOLATILE)
    created_at = Instant()
    updated_at = Instant()
    state = fields.String(metadata=VOLATILE)
    out_of_order = fields.Nested(OutOfOrderSchema, allow_none=True)


class DestinationWithSecretSchema(DestinationSchema):
    """A destination, and the signing secret just made for it, which is shown this once."""

    secret = fields.String()

    def get_attribute(self, obj: DestinationWithSecret, attr: str, default: Any) -> Any:
        return obj.secret if attr == "secret" else super().get_attribute(obj.destination, attr, default)
