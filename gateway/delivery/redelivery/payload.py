"""The payload of a job that delivers an event again."""

from __future__ import annotations

from marshmallow import Schema, fields


class RedeliverPayload(Schema):
    """Which event, by its id."""

    event = fields.String(required=True)
