"""An entity as it is shown: what it is, what of it is not sent yet, and whether a person has to decide something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.entities.cases import Case, cases_of
from gateway.entities.instances import Instances
from gateway.entities.models import Entity, LocalChange
from gateway.tenants.acting import Acting


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsentSummary:
    """A local change that the external system does not have."""

    id: str
    operation: str
    state: str
    fields: Mapping[str, Any]
    attempts_made: int
    next_attempt_at: datetime
    reason: str | None
    detail: str | None
    actor_name: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitySummary:
    """Columns as in `Entity`. `key` is `integration_name:integration_id`, None until the external system has given an
    id; `integration` is the integration's name.
    """

    id: str
    key: str | None
    integration: str | None
    integration_name: str
    integration_id: str | None
    kind: str
    name: str | None
    state: str | None
    state_at: datetime | None
    parent: str | None
    area: str | None
    attributes: Mapping[str, Any]
    user_data: Mapping[str, Any] | None
    external_version: str | None
    external_updated_at: datetime | None
    changed_by: str
    local_revision: int
    unsent: Sequence[UnsentSummary]
    conflict: str | None
    deleted_at: datetime | None
    deleted_by: str | None
    merged_into: str | None
    created_at: datetime
    updated_at: datetime


def summaries(acting: Acting, instances: Instances, rows: Sequence[Entity]) -> tuple[EntitySummary, ...]:
    """These entities, with what hangs on them."""
    names = instances.named(acting, {row.instance_id for row in rows})
    cases = cases_of(acting.session, [row.id for row in rows], lock=False)
    return tuple(
        summary(cases[row.id], names[row.instance_id].name if row.instance_id in names else None) for row in rows
    )


def summary(case: Case, integration: str | None) -> EntitySummary:
    """One of them."""
    row = case.entity
    return EntitySummary(
        id=row.id,
        key=None if row.integration_id is None else f"{row.integration_name}:{row.integration_id}",
        integration=integration,
        integration_name=row.integration_name,
        integration_id=row.integration_id,
        kind=row.kind,
        name=row.name,
        state=row.state,
        state_at=row.state_at,
        parent=row.parent,
        area=row.area,
        attributes=row.attributes,
        user_data=row.user_data,
        external_version=row.external_version,
        external_updated_at=row.external_updated_at,
        changed_by=row.changed_by,
        local_revision=row.local_revision,
        unsent=tuple(map(_unsent, case.edits)),
        conflict=None if case.conflict is None else case.conflict.id,
        deleted_at=row.deleted_at,
        deleted_by=row.deleted_by,
        merged_into=row.merged_into,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _unsent(row: LocalChange) -> UnsentSummary:
    return UnsentSummary(
        id=row.id,
        operation=row.operation,
        state=row.state,
        fields=row.fields,
        attempts_made=row.attempts_made,
        next_attempt_at=row.next_attempt_at,
        reason=row.reason,
        detail=row.detail,
        actor_name=row.actor_name,
        created_at=row.created_at,
    )
