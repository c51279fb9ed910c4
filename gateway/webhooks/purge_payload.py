"""The payload of a job that forgets what is old."""

from __future__ import annotations

from marshmallow import Schema, fields


class PurgePayload(Schema):
    """What is old, as ISO 8601, of one tenant by its id or of all. Without instants, what is past the retention."""

    before = fields.String(allow_none=True, load_default=None)
    dead_before = fields.String(allow_none=True, load_default=None)
    tenant_id = fields.String(allow_none=True, load_default=None)
