"""What may be given for app credentials as data. What is shown of them is in `schema`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from gateway.oauth.app_credentials.changes import AppChange, NewSecrets
from gateway.oauth.app_credentials.draft import AppDraft
from gateway.schema_fields import texts


class AppSettingsSchema(Schema):
    """What may be given whenever app credentials change."""

    client_id = fields.String(metadata={"description": "As the provider shows it with the app."})
    parameters = texts(metadata={"description": "Values that the provider's entry asks for."})
    scopes = fields.List(
        fields.String(), allow_none=True, metadata={"description": "Asked for by default; null: the entry's."}
    )


class AppSecretsSchema(Schema):
    """What an app proves itself with. Never shown again."""

    client_secret = fields.String()
    private_key = fields.String(metadata={"description": "PEM or a JWK, where the provider's apps sign."})


class AppDraftSchema(AppSettingsSchema, AppSecretsSchema):
    """What may be given for new app credentials."""

    name = fields.String(required=True)
    provider = fields.String(required=True, metadata={"description": "An id of the catalogue, or another name of it."})
    enabled = fields.Boolean(load_default=True)


class AppChangeSchema(AppSettingsSchema):
    """What may be changed. Parameters that are not named stay; an empty value takes one away."""


def app_draft(data: Mapping[str, Any]) -> AppDraft:
    """What `AppDraftSchema` loaded, as a draft."""
    return AppDraft(
        name=data["name"],
        provider=data["provider"],
        client_id=data.get("client_id", ""),
        client_secret=data.get("client_secret"),
        private_key=data.get("private_key"),
        parameters=data.get("parameters", {}),
        scopes=data.get("scopes"),
        enabled=data.get("enabled"),
    )


def app_change(data: Mapping[str, Any]) -> AppChange:
    """What `AppChangeSchema` loaded, as a change."""
    return AppChange(**data)


def new_secrets(data: Mapping[str, Any]) -> NewSecrets:
    """What `AppSecretsSchema` loaded."""
    return NewSecrets(**data)
