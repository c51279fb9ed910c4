"""What may be given for a connection as data. What is shown of one is in `connections.schema`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from gateway.oauth.adding.draft import USUAL_VALUES, ConnectionDraft
from gateway.schema_fields import texts


class ConnectionDraftSchema(Schema):
    """What may be given for a connection that needs no browser."""

    provider = fields.String(required=True, metadata={"description": "Its id in the catalogue."})
    way = fields.String(
        metadata={
            "description": "`api_key`, `basic`, `open`, `client_credentials` or `jwt_bearer`; "
            "may be left out where only one fits what is given."
        }
    )
    app_credentials = fields.String(metadata={"description": "Name or id, for client credentials and JWT bearer."})
    key = fields.String(metadata={"description": "The key or token. It is never shown."})
    username = fields.String()
    password = fields.String(metadata={"description": "It is never shown."})
    secrets = texts(
        metadata={"description": "Further secrets that the provider's entry asks for, by name. They are never shown."}
    )
    parameters = texts(metadata={"description": "What the provider's entry asks for: a shop, a region."})
    scopes = fields.List(fields.String())
    reference = fields.String(metadata={"description": "What the application calls its customer."})
    reconnect = fields.String(metadata={"description": "The id of the connection that gets these credentials."})
    test = fields.Boolean(
        load_default=True, metadata={"description": "False: stored without asking the provider whether it works."}
    )


def connection_draft(data: Mapping[str, Any]) -> ConnectionDraft:
    """What `ConnectionDraftSchema` loaded, as a draft."""
    return ConnectionDraft(
        provider=data["provider"],
        way=data.get("way"),
        app_credentials=data.get("app_credentials"),
        values={**data.get("secrets", {}), **{name: data[name] for name in USUAL_VALUES if name in data}},
        parameters=data.get("parameters", {}),
        scopes=data.get("scopes"),
        reference=data.get("reference"),
        reconnect=data.get("reconnect"),
        is_tested=data["test"],
    )
