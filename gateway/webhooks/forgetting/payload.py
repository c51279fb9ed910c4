"""The payload of a job that forgets many events."""

from __future__ import annotations

from marshmallow import Schema, fields


class ForgetPayload(Schema):
    """Which (`which.as_payload`); null means any. With `is_plan` they are only counted."""

    source = fields.String(allow_none=True, load_default=None)
    type = fields.String(allow_none=True, load_default=None)
    status = fields.String(allow_none=True, load_default=None)
    since = fields.String(allow_none=True, load_default=None)
    until = fields.String(required=True)
    text = fields.String(allow_none=True, load_default=None)
    vendor_id = fields.String(allow_none=True, load_default=None)
    headers = fields.List(fields.List(fields.String()), allow_none=True, load_default=None)
    where = fields.String(allow_none=True, load_default=None)
    is_plan = fields.Boolean(load_default=False)
