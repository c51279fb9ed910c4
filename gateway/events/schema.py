"""An event as data that is shown."""

from __future__ import annotations

from marshmallow import Schema, fields

from gateway.schema_fields import MAY_BE_MISSING, BodyBase64, BodyText, Instant, pairs


class EventSchema(Schema):
    """An event without its contents."""

    id = fields.String()
    source = fields.String()
    provider = fields.String()
    type = fields.String(allow_none=True)
    dedupe_key = fields.String(allow_none=True)
    received_at = Instant()
    content_type = fields.String(allow_none=True)
    body_bytes = fields.Integer()


class EventContentsSchema(Schema):
    """What came, without the values that must not be shown. `body`, or `body_base64` when it is no text."""

    request_id = fields.String(allow_none=True)
    method = fields.String()
    url = fields.String()
    headers = pairs()
    body = BodyText(dump_only=True, metadata={MAY_BE_MISSING: True})
    body_base64 = BodyBase64(attribute="body", dump_only=True, metadata={MAY_BE_MISSING: True})
