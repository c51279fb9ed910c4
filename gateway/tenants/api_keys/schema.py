"""An API key as it is shown as data. What may be given for one is in `draft_schema`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from marshmallow import Schema, fields

from gateway.schema_fields import Instant

if TYPE_CHECKING:
    from gateway.tenants.api_keys.management import MadeKey


class KeySchema(Schema):
    """Shown in this order."""

    id = fields.String()
    name = fields.String()
    scopes = fields.List(fields.String())
    state = fields.String()
    created_at = Instant()
    expires_at = Instant(allow_none=True)
    last_used_at = Instant(allow_none=True)
    revoked_at = Instant(allow_none=True)


class MadeKeySchema(KeySchema):
    """A key just made. `key` is what to send, and shown this once."""

    key = fields.String()

    def get_attribute(self, obj: MadeKey, attr: str, default: Any) -> Any:
        return obj.key if attr == "key" else super().get_attribute(obj.summary, attr, default)
