"""Deliveries, their attempts, and events with what became of them, as data that is shown."""

from __future__ import annotations

from marshmallow import Schema, fields

from gateway.events.schema import EventContentsSchema, EventSchema
from gateway.schema_fields import Instant


class AttemptSchema(Schema):
    """One attempt of a delivery."""

    number = fields.Integer()
    started_at = Instant()
    duration_ms = fields.Integer()
    outcome = fields.String()
    status = fields.Integer()
    error = fields.String()
    response_excerpt = fields.String()


class DeliverySchema(Schema):
    """A delivery in a list."""

    id = fields.String()
    event_id = fields.String()
    destination = fields.String()
    route_id = fields.String()
    state = fields.String()
    reason = fields.String()
    detail = fields.String()
    ordering_key = fields.String()
    attempts_made = fields.Integer()
    next_attempt_at = Instant()
    created_at = Instant()
    finished_at = Instant()
    is_transformed = fields.Boolean()


class DeliveryDetailSchema(DeliverySchema):
    """A delivery with its attempts, first one first."""

    attempts = fields.List(fields.Nested(AttemptSchema))


class JournalLineSchema(EventSchema):
    """An event in a list, with what became of it."""

    status = fields.String()


class JournalDetailSchema(EventContentsSchema, JournalLineSchema):
    """An event with its contents, what became of it, and its deliveries, oldest first."""

    deliveries = fields.List(fields.Nested(DeliveryDetailSchema))
