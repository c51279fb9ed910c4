"""A source as data: what is shown of it, and what may be given for it. A secret is given and never shown."""

from __future__ import annotations

from marshmallow import Schema, fields

from gateway.schema_fields import Instant, OutOfOrderSchema, texts


class CredentialSchema(Schema):
    """A live credential without its value."""

    kind = fields.String()
    created_at = Instant()
    expires_at = Instant()


class SourceSchema(Schema):
    """Shown in this order; what may be given follows."""

    id = fields.String(dump_only=True)
    slug = fields.String(required=True)
    provider = fields.String(required=True)
    scheme = fields.String()
    options = texts()
    allowed_ips = fields.List(fields.String())
    rate_per_second = fields.Float(dump_only=True)
    refuse_replays = fields.Boolean()
    replays = fields.String(dump_only=True)
    live_credentials = fields.List(
        fields.Nested(CredentialSchema), attribute="credentials", data_key="credentials", dump_only=True
    )
    pending_handshake = fields.Boolean(dump_only=True)
    confirmed_at = Instant(dump_only=True)
    confirmed_from = fields.String(dump_only=True)
    confirmed_request_id = fields.String(dump_only=True)
    created_at = Instant(dump_only=True)
    updated_at = Instant(dump_only=True)
    disabled_at = Instant(dump_only=True)
    url = fields.String(dump_only=True)
    state = fields.String(dump_only=True)
    out_of_order = fields.Nested(OutOfOrderSchema, dump_only=True)

    secret = fields.String(load_only=True)
    credentials = texts(load_only=True)
    rate = fields.Float(load_only=True)
    enabled = fields.Boolean(load_only=True, load_default=True)
