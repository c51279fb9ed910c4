"""`/me`: what the key that asks may do."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from gateway.api.declaring import Resource
from gateway.api.door import caller, door_of
from gateway.clock import from_us
from gateway.schema_fields import Instant
from gateway.tenants.acting import Acting
from gateway.tenants.api_keys.scopes import Scope
from gateway.tenants.schema import TenantLimitsSchema


class WhoSchema(Schema):
    """A thing by its id and its name."""

    id = fields.String()
    name = fields.String()


class MySchema(Schema):
    """The key, the tenant that it acts for now, what it may do (with what its scopes include), and its limits."""

    key = fields.Nested(WhoSchema)
    tenant = fields.Nested(WhoSchema)
    scopes = fields.List(fields.String())
    expires_at = Instant(allow_none=True)
    requests_per_minute = fields.Integer(allow_none=True)
    tenant_limits = fields.Nested(TenantLimitsSchema)


resource = Resource("me", "What the key that asks may do.")


@resource.get(
    "/me",
    answer=MySchema,
    example={
        "key": {"id": "key_06bk7e8v3s9p41pf7j0q5m2c8g", "name": "ci"},
        "tenant": {"id": "ten_default", "name": "default"},
        "scopes": ["sources:read", "sources:write"],
        "expires_at": "2027-02-25T12:00:00.000Z",
        "requests_per_minute": 6000,
        "tenant_limits": {
            "events_per_second": None,
            "sources": 100,
            "destinations": None,
            "app_credentials": None,
            "stored_bytes": None,
            "api_requests_per_second": 50.0,
        },
    },
)
def show_me(acting: Acting) -> dict[str, Any]:
    """Show what this key may do, and its limits."""
    key = caller().key
    return {
        "key": {"id": key.id, "name": key.name},
        "tenant": {"id": acting.tenant.id, "name": acting.tenant.slug},
        "scopes": [scope.value for scope in Scope if scope in key.scopes],
        "expires_at": None if key.expires_at_us is None else from_us(key.expires_at_us),
        "requests_per_minute": door_of(acting.installation).rates.per_minute or None,
        "tenant_limits": acting.tenant.limits,
    }
