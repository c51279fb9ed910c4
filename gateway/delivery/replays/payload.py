"""The payload of a job that replays many events."""

from __future__ import annotations

from marshmallow import Schema, fields


class ReplayPayload(Schema):
    """What was asked for (`draft.as_asked`), and whether that is only to be counted."""

    source = fields.String(allow_none=True, load_default=None)
    type = fields.String(allow_none=True, load_default=None)
    status = fields.String(allow_none=True, load_default=None)
    since = fields.String(allow_none=True, load_default=None)
    until = fields.String(required=True)
    route = fields.String(allow_none=True, load_default=None)
    destination = fields.String(allow_none=True, load_default=None)
    again = fields.String(required=True)
    is_plan = fields.Boolean(load_default=False)
