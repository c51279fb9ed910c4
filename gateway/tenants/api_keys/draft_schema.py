"""What may be given for an API key as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from gateway.schema_fields import Age
from gateway.tenants.api_keys.management import DEFAULT_SCOPES, KeyDraft


class KeyDraftSchema(Schema):
    """A key as somebody asks for it."""

    name = fields.String(required=True)
    scopes = fields.List(fields.String())
    expires_in = Age(
        allow_none=True, metadata={"description": "For how long it opens, such as `90d`; else it has no end."}
    )


def key_draft(data: Mapping[str, Any]) -> KeyDraft:
    """What `KeyDraftSchema` loaded, as a draft."""
    return KeyDraft(data["name"], tuple(data.get("scopes", DEFAULT_SCOPES)), data.get("expires_in"))
