"""The payloads of jobs that change many deliveries."""

from __future__ import annotations

from marshmallow import Schema, fields


class RetryPayload(Schema):
    """Which deliveries are tried again; null means any. `since` and `until` are ISO 8601."""

    states = fields.List(fields.String(), required=True)
    destination = fields.String(allow_none=True, load_default=None)
    source = fields.String(allow_none=True, load_default=None)
    type = fields.String(allow_none=True, load_default=None)
    since = fields.String(allow_none=True, load_default=None)
    until = fields.String(allow_none=True, load_default=None)


class CancelPayload(Schema):
    """To which destination, by its name."""

    destination = fields.String(required=True)
