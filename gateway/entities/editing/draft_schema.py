"""What may be given for an entity as data. What is shown of one is in `search.schema`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from gateway.entities.editing.draft import EntityDraft, EntityEdit
from gateway.entities.search.finding import EntityKey

_USER_DATA = "Attached here, and never sent. A member that is null is taken off."


class EntityEditSchema(Schema):
    """What is set."""

    fields_ = fields.Dict(
        keys=fields.String(),
        load_default=dict,
        attribute="fields",
        data_key="fields",
        metadata={"description": "New values by attribute."},
    )
    user_data = fields.Dict(keys=fields.String(), load_default=dict, metadata={"description": _USER_DATA})


class EntityDraftSchema(EntityEditSchema):
    """What a new entity is."""

    integration = fields.String(required=True, metadata={"description": "Name or id."})
    kind = fields.String(required=True)
    name = fields.String(load_default=None, metadata={"description": "Where its system takes one beside its fields."})
    parent = fields.String(load_default=None, metadata={"description": "The key of what it belongs to."})


def entity_edit(data: Mapping[str, Any]) -> EntityEdit:
    """What `EntityEditSchema` loaded."""
    return EntityEdit(fields=data["fields"], user_data=data["user_data"])


def entity_draft(data: Mapping[str, Any]) -> EntityDraft:
    """What `EntityDraftSchema` loaded."""
    return EntityDraft(
        integration=data["integration"],
        kind=data["kind"],
        name=data["name"],
        fields=data["fields"],
        user_data=data["user_data"],
        parent=None if data["parent"] is None else EntityKey(data["parent"]),
    )
