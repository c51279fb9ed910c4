"""The payload of a job that takes in many rejections."""

from __future__ import annotations

from marshmallow import Schema, fields


class AcceptPayload(Schema):
    """Which; null means any. `since` and `until` are ISO 8601. With `is_plan` it is only counted what would become of
    them.
    """

    source = fields.String(allow_none=True, load_default=None)
    reason = fields.String(allow_none=True, load_default=None)
    since = fields.String(allow_none=True, load_default=None)
    until = fields.String(required=True)
    is_plan = fields.Boolean(load_default=False)
