"""A rejection as data that is shown."""

from __future__ import annotations

from marshmallow import Schema, fields

from gateway.schema_fields import BodyBase64, BodyText, Instant, pairs


class RejectionSchema(Schema):
    """A refused request in a list."""

    id = fields.String()
    source = fields.String()
    reason = fields.String()
    detail = fields.String()
    received_at = Instant()
    client_address = fields.String()
    method = fields.String()
    body_bytes = fields.Integer()


class RejectionDetailSchema(RejectionSchema):
    """A refused request with what was kept of it. `body`, or `body_base64` when it is no text."""

    request_id = fields.String()
    url = fields.String()
    headers = pairs()
    body = BodyText(dump_only=True)
    body_base64 = BodyBase64(attribute="body", dump_only=True)
