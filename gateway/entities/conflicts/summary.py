"""A conflict as it is shown: what both sides have of each field, and what they last agreed on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from gateway.entities.instances import Instances
from gateway.entities.models import Entity, EntityConflict
from gateway.tenants.acting import Acting


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictSummary:
    """Columns as in `EntityConflict`, with the entity's key, kind and name."""

    id: str
    entity: str
    key: str | None
    integration: str | None
    integration_name: str | None
    entity_kind: str | None
    name: str | None
    kind: str
    state: str
    fields: Mapping[str, Mapping[str, Any]]
    deleted_by: str | None
    resolution: Mapping[str, Any] | None
    resolved_by: str | None
    created_at: datetime
    updated_at: datetime
    resolved_at: datetime | None


def summaries(acting: Acting, instances: Instances, rows: Sequence[EntityConflict]) -> tuple[ConflictSummary, ...]:
    """These conflicts, with whose they are."""
    wanted = select(Entity).where(Entity.id.in_([row.entity_id for row in rows]))
    entities = {row.id: row for row in acting.session.scalars(wanted)} if rows else {}
    names = instances.named(acting, {row.instance_id for row in rows})
    return tuple(
        _summary(row, entities.get(row.entity_id), names[row.instance_id].name if row.instance_id in names else None)
        for row in rows
    )


def _summary(row: EntityConflict, entity: Entity | None, integration: str | None) -> ConflictSummary:
    has_key = entity is not None and entity.integration_id is not None
    return ConflictSummary(
        id=row.id,
        entity=row.entity_id,
        key=f"{entity.integration_name}:{entity.integration_id}" if has_key and entity is not None else None,
        integration=integration,
        integration_name=None if entity is None else entity.integration_name,
        entity_kind=None if entity is None else entity.kind,
        name=None if entity is None else entity.name,
        kind=row.kind,
        state=row.state,
        fields=row.fields,
        deleted_by=_deleted_by(row, entity),
        resolution=row.resolution,
        resolved_by=row.resolved_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        resolved_at=row.resolved_at,
    )


def _deleted_by(row: EntityConflict, entity: Entity | None) -> str | None:
    """Which side deleted it, of a conflict that is about that and open."""
    if row.kind != "delete" or row.resolved_at is not None or entity is None:
        return None
    return "external" if entity.deleted_at is None else "local"
