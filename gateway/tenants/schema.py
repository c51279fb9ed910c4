"""A tenant as data: what is shown of it, and what may be given for it."""

from __future__ import annotations

from marshmallow import Schema, fields

from gateway.schema_fields import Instant


class TenantSchema(Schema):
    """Shown in this order."""

    id = fields.String(dump_only=True)
    slug = fields.String(required=True)
    created_at = Instant(dump_only=True)
