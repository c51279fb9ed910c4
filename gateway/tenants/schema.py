"""A tenant as data: what is shown of it, and what may be given for it."""

from __future__ import annotations

from marshmallow import Schema, fields

from gateway.schema_fields import Instant


class TenantLimitsSchema(Schema):
    """Bounds; null for none."""

    events_per_second = fields.Float(allow_none=True)
    sources = fields.Integer(allow_none=True)
    destinations = fields.Integer(allow_none=True)
    app_credentials = fields.Integer(allow_none=True)
    stored_bytes = fields.Integer(allow_none=True)
    api_requests_per_second = fields.Float(allow_none=True)


class TenantSchema(Schema):
    """Shown in this order."""

    id = fields.String(dump_only=True)
    slug = fields.String(required=True)
    state = fields.String(dump_only=True)
    limits = fields.Nested(TenantLimitsSchema)
    return_origins = fields.List(fields.String())
    suspended_at = Instant(dump_only=True, allow_none=True)
    created_at = Instant(dump_only=True)
