"""A trial of a connection, as data."""

from __future__ import annotations

from marshmallow import Schema, fields

from gateway.oauth.connections.schema import AccountSchema, ConnectionSchema
from gateway.oauth.trying.attempt import Finding


class TestedConnectionSchema(Schema):
    """What the provider said, and the connection as it is now."""

    __test__ = False

    is_working = fields.Boolean(metadata={"description": "Whether the provider takes the credentials."})
    finding = fields.String(
        attribute="trial.finding",
        metadata={"description": f"One of {', '.join(f'`{one}`' for one in Finding)}."},
    )
    status = fields.Integer(attribute="trial.status", allow_none=True, metadata={"description": "Of the answer."})
    detail = fields.String(attribute="trial.detail", allow_none=True)
    account = fields.Nested(
        AccountSchema, attribute="trial.account", metadata={"description": "Whom the provider named, if it did."}
    )
    duration_ms = fields.Integer(attribute="trial.duration_ms")
    connection = fields.Nested(ConnectionSchema)
