"""A source as it is shown as data. What may be given for one is in `draft_schema`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from marshmallow import Schema, fields

from gateway.schema_fields import Instant, OutOfOrderSchema, texts

if TYPE_CHECKING:
    from gateway.webhooks.sources.management import SourceWithSecret


class CredentialSchema(Schema):
    """A live credential without its value."""

    kind = fields.String()
    created_at = Instant()
    expires_at = Instant(allow_none=True)


class SourceSchema(Schema):
    """Shown in this order."""

    id = fields.String()
    slug = fields.String()
    provider = fields.String()
    scheme = fields.String(allow_none=True)
    options = texts()
    allowed_ips = fields.List(fields.String())
    rate_per_second = fields.Float(allow_none=True)
    refuse_replays = fields.Boolean(allow_none=True)
    replays = fields.String(allow_none=True)
    redeliver_duplicates = fields.Boolean()
    retention_days = fields.Integer(allow_none=True)
    credentials = fields.List(fields.Nested(CredentialSchema))
    pending_handshake = fields.Boolean()
    confirmed_at = Instant(allow_none=True)
    confirmed_from = fields.String(allow_none=True)
    confirmed_request_id = fields.String(allow_none=True)
    created_at = Instant()
    updated_at = Instant()
    disabled_at = Instant(allow_none=True)
    url = fields.String()
    state = fields.String()
    out_of_order = fields.Nested(OutOfOrderSchema, allow_none=True)


class SourceWithSecretSchema(SourceSchema):
    """A source, and the secret just made for it, which is shown this once; null when none was made."""

    secret = fields.String(allow_none=True)

    def get_attribute(self, obj: SourceWithSecret, attr: str, default: Any) -> Any:
        return obj.secret if attr == "secret" else super().get_attribute(obj.source, attr, default)
