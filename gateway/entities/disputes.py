"""Opening an entity's conflict, changing the one there is, and closing it: an entity has one at most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.entities.cases import Case
from gateway.entities.history import MERGE
from gateway.entities.models import EntityConflict
from gateway.entities.states import ConflictState
from gateway.entities.trail import Trail
from gateway.security.identifiers import new_id

EDIT, DELETE = "edit", "delete"

Fields = Mapping[str, Mapping[str, Any]]
"""`base`, `local` and `external` by field; what is absent on a side has no such member."""


def dispute(trail: Trail, case: Case, kind: str, fields: Fields, version: str | None) -> None:
    """A person has to decide these fields: the open conflict is changed, or one is opened and told of."""
    wanted = {name: dict(sides) for name, sides in fields.items()}
    found = case.conflict
    if found is not None:
        if (found.kind, found.fields, found.external_version) != (kind, wanted, version):
            found.kind, found.fields, found.external_version = kind, wanted, version
            found.updated_at = trail.at
        return
    entity = case.entity
    case.conflict = made = EntityConflict(
        id=new_id("cfl"),
        tenant_id=entity.tenant_id,
        instance_id=entity.instance_id,
        entity_id=entity.id,
        kind=kind,
        state=ConflictState.OPEN,
        fields=wanted,
        external_version=version,
        created_at=trail.at,
        updated_at=trail.at,
    )
    trail.session.add(made)
    trail.note(
        entity, "conflict", MERGE, {name: [one.get("local"), one.get("external")] for name, one in fields.items()}
    )
    trail.tell_conflict(entity, made)


def close(trail: Trail, case: Case, resolution: Mapping[str, Any], by: str | None = None) -> None:
    """The open conflict is settled; nothing where there is none."""
    if case.conflict is not None:
        case.conflict.state = ConflictState.RESOLVED
        case.conflict.resolution, case.conflict.resolved_by = dict(resolution), by
        case.conflict.resolved_at = case.conflict.updated_at = trail.at
        case.conflict = None
