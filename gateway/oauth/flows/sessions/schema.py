"""A connect session as it is shown as data. What may be given for one is in `draft_schema`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from marshmallow import Schema, fields

from gateway.schema_fields import VOLATILE, Instant, texts

if TYPE_CHECKING:
    from gateway.oauth.flows.sessions.management import MadeConnectSession


class ConnectSessionSchema(Schema):
    """Shown in this order."""

    id = fields.String()
    state = fields.String(
        metadata={"description": "`pending`, `opened`, `connected`, `failed` or `expired`.", **VOLATILE}
    )
    outcome = fields.String(
        allow_none=True, metadata={"description": "`connected`, or the code of what went wrong.", **VOLATILE}
    )
    detail = fields.String(allow_none=True, metadata=VOLATILE)
    connection = fields.String(allow_none=True, metadata=VOLATILE)
    app_credentials = fields.String(allow_none=True)
    provider = fields.String(allow_none=True)
    scopes = fields.List(fields.String(), allow_none=True)
    parameters = texts()
    return_to = fields.String(allow_none=True)
    reconnect = fields.String(allow_none=True)
    reference = fields.String(allow_none=True)
    theme = texts()
    embed = fields.Boolean()
    asker_kind = fields.String()
    asker_id = fields.String(allow_none=True)
    asker_name = fields.String()
    created_at = Instant()
    opened_at = Instant(allow_none=True, metadata=VOLATILE)
    expires_at = Instant(metadata=VOLATILE)


class ConnectSessionQuerySchema(Schema):
    """What a list of connect sessions may be asked for."""

    reference = fields.String(metadata={"description": "Only of this customer of yours."})


class MadeConnectSessionSchema(ConnectSessionSchema):
    """A connect session just made, with its URL, which is shown this once."""

    url = fields.String()

    def get_attribute(self, obj: MadeConnectSession, attr: str, default: Any) -> Any:
        return obj.url if attr == "url" else super().get_attribute(obj.session, attr, default)
