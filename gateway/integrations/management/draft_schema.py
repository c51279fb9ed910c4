"""What may be given for integrations as data. What is shown of them is in `schema`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from gateway.integrations.management.draft import IntegrationChange, IntegrationDraft


def _values(told: str) -> fields.Dict:
    return fields.Dict(keys=fields.String(), values=fields.Raw(allow_none=True), metadata={"description": told})


class IntegrationSettingsSchema(Schema):
    """What may be given whenever an integration changes."""

    configuration = _values("What its type asks for, but for secrets.")
    secrets = fields.Dict(
        keys=fields.String(), values=fields.String(), metadata={"description": "Sealed, and never shown again."}
    )
    connection = fields.String(allow_none=True, metadata={"description": "The id of the account that it uses."})
    source = fields.String(
        allow_none=True, metadata={"description": "The source whose webhooks tell what changed, by slug or id."}
    )
    sync = _values("How it syncs: policies, thresholds, directions of fields.")
    schedule = fields.String(
        allow_none=True,
        metadata={"description": "A duration, a cron expression in UTC, or `never`; null: as its type says."},
    )


class IntegrationDraftSchema(IntegrationSettingsSchema):
    """What may be given for a new integration."""

    name = fields.String(required=True)
    type = fields.String(required=True, metadata={"description": "An id of `integration-types`."})


class IntegrationChangeSchema(IntegrationSettingsSchema):
    """What may be changed. Of `configuration`, `sync` and `secrets` what is not named stays; null takes one away."""


def integration_draft(data: Mapping[str, Any]) -> IntegrationDraft:
    """What `IntegrationDraftSchema` loaded, as a draft."""
    given = {**data}
    for name in ("configuration", "sync"):
        given[name] = {key: value for key, value in data.get(name, {}).items() if value is not None}
    return IntegrationDraft(**given)


def integration_change(data: Mapping[str, Any]) -> IntegrationChange:
    """What `IntegrationChangeSchema` loaded, as a change."""
    return IntegrationChange(**data)
