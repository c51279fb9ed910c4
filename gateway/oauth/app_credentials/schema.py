"""App credentials as they are shown as data: secrets never are. What may be given for some is in `draft_schema`."""

from __future__ import annotations

from marshmallow import Schema, fields

from gateway.schema_fields import VOLATILE, Instant, OutOfOrderSchema, texts


class ConnectionCountsSchema(Schema):
    """The live connections, by their state."""

    connected = fields.Integer()
    degraded = fields.Integer()
    refresh_uncertain = fields.Integer()
    needs_reauth = fields.Integer()


class AppSchema(Schema):
    """Shown in this order."""

    id = fields.String()
    name = fields.String()
    provider = fields.String()
    client_id = fields.String()
    secrets = fields.List(fields.String(), metadata={"description": "The names of those that are held."})
    parameters = texts()
    scopes = fields.List(fields.String(), allow_none=True)
    redirect_uri = fields.String(
        allow_none=True, metadata={"description": "What to register at the provider; null where nobody is sent there."}
    )
    connections = fields.Nested(ConnectionCountsSchema, metadata=VOLATILE)
    disabled_at = Instant(allow_none=True)
    created_at = Instant()
    updated_at = Instant()
    state = fields.String()
    out_of_order = fields.Nested(OutOfOrderSchema, allow_none=True)
