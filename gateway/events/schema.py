"""An event as data that is shown."""

from __future__ import annotations

from marshmallow import Schema, fields

from gateway.schema_fields import BodyBase64, BodyText, Instant, pairs


class EventSchema(Schema):
    """An event without its contents."""

    id = fields.String()
    source = fields.String()
    provider = fields.String()
    type = fields.String()
    dedupe_key = fields.String()
    received_at = Instant()
    content_type = fields.String()
    body_bytes = fields.Integer()


class EventContentsSchema(Schema):
    """What came, without the values that must not be shown. `body`, or `body_base64` when it is no text."""

    request_id = fields.String()
    method = fields.String()
    url = fields.String()
    headers = pairs()
    body = BodyText(dump_only=True)
    body_base64 = BodyBase64(attribute="body", dump_only=True)
