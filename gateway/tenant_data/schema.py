"""What a tenant uses, as data that is shown."""

from __future__ import annotations

from marshmallow import Schema, fields

from gateway.schema_fields import Instant
from gateway.tenants.schema import TenantSchema


class UsageSchema(Schema):
    """Shown in this order."""

    sources = fields.Integer()
    destinations = fields.Integer()
    events = fields.Integer()
    stored_bytes = fields.Integer()
    is_full = fields.Boolean()
    last_event_at = Instant()


class TenantWithUsageSchema(Schema):
    """A tenant, and what it uses."""

    tenant = fields.Nested(TenantSchema)
    usage = fields.Nested(UsageSchema)
