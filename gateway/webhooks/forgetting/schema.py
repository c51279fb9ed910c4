"""Forgetting events as data: which, and how much is gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from gateway.delivery.query_schema import EventQuerySchema, event_filter, looked_for, status_of
from gateway.webhooks.forgetting.which import WhichForgotten


class ForgottenEventsSchema(Schema):
    """How much is gone with an event."""

    events = fields.Integer()
    deliveries = fields.Integer()
    attempts = fields.Integer()
    rejections = fields.Integer(metadata={"description": "Refused requests that it was made of."})
    kept = fields.Integer(metadata={"description": "Events that are being delivered at this moment, and stay."})


class ForgetDraftSchema(EventQuerySchema):
    """Which events; everything given has to hold, and at least one thing has to be said."""

    plan = fields.Boolean(load_default=False, metadata={"description": "Count them, and forget none."})


def which_forgotten(data: Mapping[str, Any]) -> WhichForgotten:
    """What `ForgetDraftSchema` loaded."""
    return WhichForgotten(event_filter(data), status_of(data), looked_for(data))
