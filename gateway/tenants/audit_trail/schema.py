"""An entry of the audit trail as data that is shown."""

from __future__ import annotations

from marshmallow import Schema, fields

from gateway.schema_fields import Instant


class AuditSchema(Schema):
    """Shown in this order. `before` and `after` hold what differs."""

    id = fields.String(dump_only=True)
    number = fields.Integer(dump_only=True)
    at = Instant(dump_only=True)
    tenant = fields.String(dump_only=True, allow_none=True)
    actor_kind = fields.String(dump_only=True)
    actor_id = fields.String(dump_only=True, allow_none=True)
    actor_name = fields.String(dump_only=True)
    address = fields.String(dump_only=True, allow_none=True)
    request_id = fields.String(dump_only=True, allow_none=True)
    action = fields.String(dump_only=True)
    object_id = fields.String(dump_only=True)
    object_name = fields.String(dump_only=True, allow_none=True)
    before = fields.Dict(dump_only=True)
    after = fields.Dict(dump_only=True)
    hash = fields.String(dump_only=True)
