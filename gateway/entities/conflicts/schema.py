"""A conflict as data: what is shown, and what may be asked for of a list."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from gateway.entities.states import ConflictState
from gateway.schema_fields import VOLATILE, Instant

STATES = [state.value for state in ConflictState]


class ConflictSchema(Schema):
    """Shown in this order."""

    id = fields.String()
    entity = fields.String(metadata={"description": "The entity's id."})
    key = fields.String(allow_none=True, metadata={"description": "`integration_name:integration_id`."})
    integration = fields.String(allow_none=True, metadata={"description": "The integration's name."})
    integration_name = fields.String(allow_none=True)
    entity_kind = fields.String(allow_none=True)
    name = fields.String(allow_none=True)
    kind = fields.String(metadata={"description": "`edit`, or `delete`: deleted on one side, edited on the other."})
    state = fields.String(validate=validate.OneOf(STATES))
    fields_ = fields.Dict(
        keys=fields.String(),
        attribute="fields",
        data_key="fields",
        metadata={
            "description": "By field `base`, `local` and `external`; what is absent on a side has no such member.",
        },
    )
    deleted_by = fields.String(
        allow_none=True, metadata={"description": "Which side deleted it: `local` or `external`."}
    )
    resolution = fields.Dict(keys=fields.String(), allow_none=True)
    resolved_by = fields.String(allow_none=True)
    created_at = Instant()
    updated_at = Instant(metadata=VOLATILE)
    resolved_at = Instant(allow_none=True)


class ConflictQuerySchema(Schema):
    """Which conflicts of a list."""

    state = fields.String(load_default=ConflictState.OPEN.value, validate=validate.OneOf(STATES))
    integration = fields.String(load_default=None, metadata={"description": "Name or id."})
    kind = fields.String(load_default=None, validate=validate.OneOf(["edit", "delete"]))
