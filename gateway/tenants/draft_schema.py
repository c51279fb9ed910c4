"""What may be given for a tenant as data. What is shown of one is in `schema`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from gateway.tenants.draft import TenantChange


class TenantDraftSchema(Schema):
    """A new tenant."""

    slug = fields.String(required=True, metadata={"description": "Stands in URLs."})


class TenantBoundsSchema(Schema):
    """Bounds that change; null takes one away."""

    events_per_second = fields.Float(allow_none=True)
    sources = fields.Integer(strict=True, allow_none=True)
    destinations = fields.Integer(strict=True, allow_none=True)
    app_credentials = fields.Integer(strict=True, allow_none=True)
    stored_bytes = fields.Integer(strict=True, allow_none=True)
    api_requests_per_second = fields.Float(allow_none=True)


class TenantChangeSchema(Schema):
    """What may be changed of a tenant. Limits that are not named stay; `return_origins` replaces all."""

    limits = fields.Nested(TenantBoundsSchema)
    return_origins = fields.List(
        fields.String(),
        metadata={"description": "Where a browser may be sent back to, such as `https://app.example.com`."},
    )


def tenant_change(data: Mapping[str, Any]) -> TenantChange:
    """What `TenantChangeSchema` loaded, as a change."""
    return TenantChange(data.get("limits", {}), data.get("return_origins"))
