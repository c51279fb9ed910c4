"""What may be given for a connect session as data. What is shown of one is in `schema`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from gateway.oauth.flows.sessions.draft import ConnectSessionDraft
from gateway.schema_fields import texts


class ConnectSessionDraftSchema(Schema):
    """What may be given for a new connect session."""

    app_credentials = fields.String(
        allow_none=True,
        metadata={"description": "Name or id; without it the customer chooses among all that are in use."},
    )
    scopes = fields.List(
        fields.String(), allow_none=True, metadata={"description": "Else those of the app credentials."}
    )
    return_to = fields.String(
        allow_none=True,
        metadata={
            "description": "Where the browser is sent in the end, at one of the tenant's origins. "
            "`connection` and `status`, or `error`, are added to its query. Without it a page says how it went."
        },
    )
    reconnect = fields.String(
        allow_none=True, metadata={"description": "The id of a connection that is connected anew, and keeps its id."}
    )
    reference = fields.String(allow_none=True, metadata={"description": "What you call your customer."})
    parameters = texts(
        metadata={
            "description": "What the provider asks for, as far as you know it; the customer is asked for the rest."
        }
    )
    theme = texts(
        metadata={
            "description": "How the pages look: `accent`, `background` and `text` are colours (#rgb or #rrggbb), "
            "`font` is system, sans, serif or monospace, `radius` 0 to 24 pixels, `title` a text above."
        }
    )
    embed = fields.Boolean(
        metadata={
            "description": "Without app credentials: the page is shown in a frame of a page at one of the tenant's "
            "origins, over HTTPS. The way to a provider is at the top level, and ends at `return_to`."
        }
    )


def connect_session_draft(data: Mapping[str, Any]) -> ConnectSessionDraft:
    """What `ConnectSessionDraftSchema` loaded, as a draft."""
    return ConnectSessionDraft(**data)
