"""The payload of a job that ends a grant at its provider."""

from __future__ import annotations

from marshmallow import Schema, fields


class RevokePayload(Schema):
    """`revocation` is the id of what is to be ended."""

    revocation = fields.String(required=True)
