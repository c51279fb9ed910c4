"""A connection as it is shown as data."""

from __future__ import annotations

from marshmallow import Schema, fields

from gateway.schema_fields import VOLATILE, Instant, texts


class AccountSchema(Schema):
    """Whose account it is, as far as the provider says."""

    id = fields.String(allow_none=True, metadata={"description": "Its id at the provider."})
    label = fields.String(allow_none=True, metadata={"description": "What people call it: a name, an address."})


class ConnectionSchema(Schema):
    """Shown in this order."""

    id = fields.String()
    provider = fields.String()
    app_credentials = fields.String(allow_none=True, metadata={"description": "Their name; null for a way without."})
    way = fields.String(metadata={"description": "How it was connected: `authorization_code`, `api_key`, …"})
    state = fields.String(
        metadata={
            "description": "`connected`, `degraded`, `refresh_uncertain`, `needs_reauth` or `revoked`.",
            **VOLATILE,
        }
    )
    reason = fields.String(allow_none=True, metadata={"description": "Why it is not `connected`, a code.", **VOLATILE})
    detail = fields.String(allow_none=True, metadata={"description": "The same in words.", **VOLATILE})
    reference = fields.String(allow_none=True, metadata={"description": "What the application calls its customer."})
    account = fields.Nested(AccountSchema)
    scopes_asked = fields.List(fields.String())
    scopes_granted = fields.List(
        fields.String(), allow_none=True, metadata={"description": "Null: the provider does not say."}
    )
    scopes_missing = fields.List(fields.String())
    parameters = texts(metadata={"description": "Values that the provider's entry asks for."})
    kept = texts(
        metadata={"description": "Values that the provider told when it was connected, such as its API's URL."}
    )
    access_expires_at = Instant(
        allow_none=True, metadata={"description": "When the token at hand ends; null: no end is known.", **VOLATILE}
    )
    refresh_expires_at = Instant(
        allow_none=True,
        metadata={"description": "When the grant ends unless the customer connects again.", **VOLATILE},
    )
    refresh_at = Instant(allow_none=True, metadata={"description": "When the next refresh is due.", **VOLATILE})
    refreshed_at = Instant(allow_none=True, metadata=VOLATILE)
    connected_at = Instant()
    created_at = Instant()
    updated_at = Instant(metadata=VOLATILE)
    revoked_at = Instant(allow_none=True)


class ToldTokenSchema(Schema):
    """A connection's token. Whoever has it acts for the account."""

    access_token = fields.String(metadata={"description": "The access token, or the key of a connection by a key."})
    expires_at = Instant(allow_none=True, metadata={"description": "Null: no end is known.", **VOLATILE})
    scopes = fields.List(fields.String(), allow_none=True, metadata={"description": "Null: the provider does not say."})
