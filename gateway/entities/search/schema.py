"""An entity as data: what is shown, and what may be asked for of a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields

from gateway.entities.search.finding import EntitySearch
from gateway.schema_fields import VOLATILE, Instant


def _is_pair(value: str) -> None:
    if not value.partition("=")[1] or not value.partition("=")[0]:
        raise ValidationError("must be written FIELD=VALUE")


class UnsentSchema(Schema):
    """A local change that the external system does not have."""

    id = fields.String()
    operation = fields.String(metadata={"description": "`create`, `update` or `delete`."})
    state = fields.String(metadata={"description": "`pending`, `sending`, `conflict` or `parked`."})
    fields_ = fields.Dict(keys=fields.String(), attribute="fields", data_key="fields")
    attempts_made = fields.Integer()
    next_attempt_at = Instant()
    reason = fields.String(allow_none=True, metadata={"description": "A code: why it is not sent."})
    detail = fields.String(allow_none=True, metadata={"description": "The same in words."})
    actor_name = fields.String()
    created_at = Instant()


class EntitySchema(Schema):
    """Shown in this order."""

    id = fields.String()
    key = fields.String(
        allow_none=True,
        metadata={"description": "`integration_name:integration_id`; null until the system has given it an id."},
    )
    integration = fields.String(allow_none=True, metadata={"description": "The integration's name."})
    integration_name = fields.String(metadata={"description": "The integration type's id."})
    integration_id = fields.String(allow_none=True, metadata={"description": "Its id in the external system."})
    kind = fields.String()
    name = fields.String(allow_none=True)
    state = fields.String(allow_none=True)
    state_at = Instant(allow_none=True)
    parent = fields.String(allow_none=True, metadata={"description": "The external id of what it belongs to."})
    area = fields.String(allow_none=True)
    attributes = fields.Dict(keys=fields.String())
    user_data = fields.Dict(
        keys=fields.String(), allow_none=True, metadata={"description": "Attached here, and never sent."}
    )
    external_version = fields.String(allow_none=True, metadata=VOLATILE)
    external_updated_at = Instant(allow_none=True, metadata=VOLATILE)
    changed_by = fields.String(
        metadata={"description": "Whose the last change was: `pull`, `push`, `local` or `merge`.", **VOLATILE}
    )
    local_revision = fields.Integer(metadata={"description": "Counts the edits that were made here."})
    unsent = fields.List(
        fields.Nested(UnsentSchema), metadata={"description": "Edits that the system does not have.", **VOLATILE}
    )
    conflict = fields.String(
        allow_none=True, metadata={"description": "The id of the conflict that waits for a person.", **VOLATILE}
    )
    deleted_at = Instant(allow_none=True)
    deleted_by = fields.String(allow_none=True)
    merged_into = fields.String(allow_none=True, metadata={"description": "The external id of what it became part of."})
    created_at = Instant()
    updated_at = Instant(metadata=VOLATILE)


class EntityQuerySchema(Schema):
    """Which entities; what is left out may be anything."""

    integration = fields.String(load_default=None, metadata={"description": "Name or id."})
    kind = fields.String(load_default=None)
    name = fields.String(load_default=None, metadata={"description": "A part of the name."})
    attribute = fields.String(
        load_default=None, validate=_is_pair, metadata={"description": "`FIELD=VALUE`, of a top-level member."}
    )
    state = fields.String(load_default=None)
    deleted = fields.Boolean(load_default=False, metadata={"description": "Tombstones instead of what is there."})
    unsent = fields.Boolean(load_default=False, metadata={"description": "Only those with edits that wait."})


def entity_search(data: Mapping[str, Any]) -> EntitySearch:
    """What `EntityQuerySchema` loaded."""
    name, _, value = (data["attribute"] or "").partition("=")
    return EntitySearch(
        integration=data["integration"],
        kind=data["kind"],
        name=data["name"],
        attributes={name: value} if name else {},
        state=data["state"],
        is_deleted=data["deleted"],
        is_unsent=data["unsent"],
    )
