"""A preview of a route as data, and what may be asked for."""

from __future__ import annotations

from marshmallow import Schema, fields

from gateway.delivery.routes.draft_schema import RouteChangeSchema, RouteDraftSchema
from gateway.schema_fields import Instant
from gateway.webhooks.route_previews.preview import DEFAULT_EVENTS, MAX_EVENTS


def _last() -> fields.Integer:
    words = f"How many of the source's last events to look at, 1 to {MAX_EVENTS}; else {DEFAULT_EVENTS}."
    return fields.Integer(strict=True, load_default=DEFAULT_EVENTS, metadata={"description": words})


class RouteDraftPreviewSchema(RouteDraftSchema):
    """A route that is not there."""

    class Meta:
        exclude = ("name",)

    to = fields.String(data_key="destination")
    last = _last()


class RouteChangePreviewSchema(RouteChangeSchema):
    """What would be different about a route; nothing: the route as it is."""

    class Meta:
        exclude = ("name",)

    last = _last()


class PreviewedEventSchema(Schema):
    """One event, and what would become of it."""

    event_id = fields.String()
    type = fields.String(allow_none=True)
    received_at = Instant()
    fate = fields.String(metadata={"description": "`sent`, `other_type`, `turned_away`, `null` or `failed`."})
    payload = fields.Raw(allow_none=True, metadata={"description": "What the transform makes of it, up to 16 KB."})
    payload_bytes = fields.Integer(allow_none=True, metadata={"description": "Null where the raw body is sent."})
    detail = fields.String(allow_none=True)


class PreviewSchema(Schema):
    """What a route would make of the last events of its source, newest first."""

    source = fields.String()
    sent = fields.Integer(metadata={"description": "How many would be delivered."})
    events = fields.List(fields.Nested(PreviewedEventSchema))
