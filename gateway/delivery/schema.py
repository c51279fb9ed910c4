"""Deliveries, their attempts, and events with what became of them, as data that is shown."""

from __future__ import annotations

from marshmallow import Schema, fields

from gateway.events.schema import EventContentsSchema, EventSchema
from gateway.schema_fields import MAY_BE_MISSING, BodyBase64, BodyText, Instant, pairs


class AttemptSchema(Schema):
    """One attempt of a delivery."""

    number = fields.Integer()
    started_at = Instant()
    duration_ms = fields.Integer()
    outcome = fields.String()
    status = fields.Integer(allow_none=True)
    error = fields.String(allow_none=True)
    response_excerpt = fields.String(allow_none=True)


class DeliverySchema(Schema):
    """A delivery in a list."""

    id = fields.String()
    event_id = fields.String()
    destination = fields.String()
    route_id = fields.String(allow_none=True)
    state = fields.String()
    reason = fields.String(allow_none=True)
    detail = fields.String(allow_none=True)
    ordering_key = fields.String(allow_none=True)
    attempts_made = fields.Integer()
    next_attempt_at = Instant(allow_none=True)
    created_at = Instant()
    finished_at = Instant(allow_none=True)
    is_transformed = fields.Boolean()


class DeliveryDetailSchema(DeliverySchema):
    """A delivery with its attempts, first one first."""

    payload = fields.String(
        allow_none=True,
        metadata={"description": "What its route's transform made, as text; null where the event's body is sent."},
    )
    attempts = fields.List(fields.Nested(AttemptSchema))


class ForwardedEventSchema(Schema):
    """An event as its destinations see it. `body`, or `body_base64` when it is no text."""

    id = fields.String()
    source = fields.String()
    type = fields.String(allow_none=True)
    headers = pairs()
    body = BodyText(dump_only=True, metadata={MAY_BE_MISSING: True})
    body_base64 = BodyBase64(attribute="body", dump_only=True, metadata={MAY_BE_MISSING: True})


class ReplayCountsSchema(Schema):
    """What a replay of events does, or would do. `events` were looked at; the others count deliveries, and events that
    get none.
    """

    events = fields.Integer()
    created = fields.Integer(metadata={"description": "New deliveries."})
    unshaped = fields.Integer(metadata={"description": "Of them, those that are dead since their route fails on them."})
    replayed = fields.Integer(metadata={"description": "Deliveries that are due again."})
    repeated = fields.Integer(metadata={"description": "Of them, those that had arrived."})
    arrived = fields.Integer(metadata={"description": "Left alone: they had arrived."})
    waiting = fields.Integer(metadata={"description": "Left alone: they wait, are tried, cancelled or dead."})
    kept_back = fields.Integer(metadata={"description": "Left alone: their route still cannot shape them."})
    turned_away = fields.Integer(metadata={"description": "Events that the route does not take."})
    unrouted = fields.Integer(metadata={"description": "Events that went nowhere before."})


class JournalLineSchema(EventSchema):
    """An event in a list, with what became of it."""

    status = fields.String()
    repeats = fields.Integer(
        metadata={"description": "How often it came again, and was told from the first by its dedupe key."}
    )


class JournalDetailSchema(EventContentsSchema, JournalLineSchema):
    """An event with its contents, what became of it, and its deliveries, oldest first."""

    last_repeat_at = Instant(allow_none=True)
    last_repeat_request_id = fields.String(allow_none=True)
    deliveries = fields.List(fields.Nested(DeliveryDetailSchema))
