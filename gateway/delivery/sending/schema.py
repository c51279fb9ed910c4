"""A test request that was sent, as data."""

from __future__ import annotations

from marshmallow import Schema, fields


class SentTrialSchema(Schema):
    """Where it went, how it ended, and what the receiver answered: null where no answer came."""

    destination = fields.String()
    webhook_id = fields.String()
    is_delivered = fields.Boolean()
    outcome = fields.String(attribute="result.outcome")
    status = fields.Integer(attribute="result.status", allow_none=True)
    error = fields.String(attribute="result.error", allow_none=True)
    duration_ms = fields.Integer(attribute="result.duration_ms")
    response_excerpt = fields.String(attribute="result.excerpt", allow_none=True)
