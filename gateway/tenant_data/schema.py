"""What a tenant uses, as data that is shown."""

from __future__ import annotations

from marshmallow import Schema, fields

from gateway.schema_fields import VOLATILE, Instant
from gateway.tenants.schema import TenantSchema


class UsageSchema(Schema):
    """Shown in this order."""

    sources = fields.Integer()
    destinations = fields.Integer()
    events = fields.Integer()
    stored_bytes = fields.Integer()
    is_full = fields.Boolean()
    last_event_at = Instant(allow_none=True)


class TenantWithUsageSchema(TenantSchema):
    """A tenant, and what it uses."""

    usage = fields.Nested(UsageSchema, metadata=VOLATILE)
