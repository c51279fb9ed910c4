"""What may be asked for of the audit trail, as data. What is shown of it is in `schema`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from gateway.schema_fields import Moment
from gateway.tenants.audit_trail.search import AuditSearch


class AuditQuerySchema(Schema):
    """Which entries of a list."""

    actor = fields.String(metadata={"description": "Only of this user or key; a key also by its id."})
    action = fields.String(metadata={"description": "Only this action; `source.*` stands for all of sources."})
    object = fields.String(metadata={"description": "Only what was done to the thing with this id or name."})
    since = Moment(metadata={"description": "Not older than this."})
    until = Moment(metadata={"description": "Older than this."})


def audit_search(data: Mapping[str, Any]) -> AuditSearch:
    """What `AuditQuerySchema` loaded."""
    return AuditSearch(**data)
