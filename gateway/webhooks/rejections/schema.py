"""A rejection as data that is shown, and what may be asked for of rejections."""

from __future__ import annotations

from marshmallow import Schema, fields

from gateway.schema_fields import MAY_BE_MISSING, BodyBase64, BodyText, Instant, pairs


class RejectionQuerySchema(Schema):
    """Which rejections of a list."""

    source = fields.String(load_default=None, metadata={"description": "Only those that called this slug."})
    reason = fields.String(
        load_default=None, metadata={"description": "Only for this reason, such as `signature_mismatch`."}
    )


class RejectionSchema(Schema):
    """A refused request in a list."""

    id = fields.String()
    source = fields.String()
    reason = fields.String()
    detail = fields.String(allow_none=True)
    received_at = Instant()
    client_address = fields.String(allow_none=True)
    method = fields.String()
    body_bytes = fields.Integer()
    accepted_as = fields.String(
        allow_none=True, metadata={"description": "The event that was made of it since it was refused."}
    )


class RejectionDetailSchema(RejectionSchema):
    """A refused request with what was kept of it. `body`, or `body_base64` when it is no text, has the first 64 KB of
    the `kept_body_bytes`.
    """

    request_id = fields.String(allow_none=True)
    url = fields.String()
    headers = pairs()
    kept_body_bytes = fields.Integer()
    body = BodyText(dump_only=True, metadata={MAY_BE_MISSING: True})
    body_base64 = BodyBase64(attribute="body", dump_only=True, metadata={MAY_BE_MISSING: True})
