"""An integration as it is shown: without a secret, with the names of what it uses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from gateway.integrations.models import Integration
from gateway.integrations.registrations import shown
from gateway.integrations.registry import registry_of
from gateway.integrations.rhythm import NEVER
from gateway.integrations.type import IntegrationType
from gateway.oauth.models import VaultEntry
from gateway.out_of_order import in_one_line
from gateway.tenants.acting import Acting
from gateway.webhooks.sources.models import Source


@dataclass(frozen=True, slots=True)
class IntegrationSummary:
    """`connection` is its id, `source` its slug. `secrets` are the names of those that are held. `schedule` is what
    holds, the type's where nothing else was said. `webhooks` are those that are registered at its provider. `broken`
    says why its type cannot be used, None where it can.
    """

    id: str
    name: str
    type: str
    label: str | None
    state: str
    reason: str | None
    detail: str | None
    connection: str | None
    source: str | None
    configuration: Mapping[str, Any]
    secrets: Sequence[str]
    sync: Mapping[str, Any]
    schedule: str
    revision: int
    health: str
    health_since: datetime | None
    data_at: datetime | None
    activated_at: datetime | None
    created_at: datetime
    updated_at: datetime
    webhooks: Mapping[str, Any] | None = None
    broken: str | None = None


def summaries(acting: Acting, rows: Sequence[Integration]) -> tuple[IntegrationSummary, ...]:
    """`rows` as they are shown; sources and the names of secrets are read in one statement each."""
    held = _held(acting, [row.id for row in rows])
    slugs = _slugs(acting, {row.source_id for row in rows if row.source_id is not None})
    return tuple(_summary(acting, row, held[row.id], slugs) for row in rows)


def summary(acting: Acting, row: Integration) -> IntegrationSummary:
    """One of them."""
    [found] = summaries(acting, [row])
    return found


def schedule_of(row: Integration, type_: IntegrationType | None) -> str:
    """How often it is synced, as text."""
    if row.schedule is not None:
        return row.schedule
    return NEVER if type_ is None or type_.schedule is None else type_.schedule


def _summary(acting: Acting, row: Integration, held: Sequence[str], slugs: Mapping[str, str]) -> IntegrationSummary:
    found = registry_of(acting.installation).find(row.type)
    type_, broken = None, None
    if isinstance(found, IntegrationType):
        type_ = found
    else:
        broken = "there is no such type any more" if found is None else in_one_line(found.reason)
    return IntegrationSummary(
        id=row.id,
        name=row.name,
        type=row.type,
        label=None if type_ is None else type_.label,
        state=row.state,
        reason=row.reason,
        detail=row.detail,
        connection=row.connection_id,
        source=None if row.source_id is None else slugs.get(row.source_id, row.source_id),
        configuration=row.configuration,
        secrets=tuple(held),
        sync=row.sync,
        schedule=schedule_of(row, type_),
        revision=row.revision,
        health=row.health_state,
        health_since=row.health_since,
        data_at=row.data_at,
        activated_at=row.activated_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        webhooks=shown(row.prepared),
        broken=broken,
    )


def _held(acting: Acting, ids: Collection[str]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    statement = select(VaultEntry.owner_id, VaultEntry.field).where(VaultEntry.owner_id.in_(ids))
    for owner_id, field in acting.session.execute(statement.order_by(VaultEntry.field)):
        found[owner_id].append(field)
    return found


def _slugs(acting: Acting, ids: Collection[str]) -> Mapping[str, str]:
    if not ids:
        return {}
    return {
        row.id: row.slug for row in acting.session.execute(select(Source.id, Source.slug).where(Source.id.in_(ids)))
    }
