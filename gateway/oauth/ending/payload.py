"""The payloads of jobs about the end of grants."""

from __future__ import annotations

from marshmallow import Schema, fields


class RevokePayload(Schema):
    """`revocation` is the id of what is to be ended."""

    revocation = fields.String(required=True)


class EndedPayload(Schema):
    """`event` is the id of the event that tells of the end."""

    event = fields.String(required=True)
