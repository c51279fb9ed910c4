"""Finding integrations, and the types that there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from gateway.db.paging import Page, PageRequest, page_of, page_of_values
from gateway.installation import Installation
from gateway.integrations.attributes import form_of
from gateway.integrations.models import Integration
from gateway.integrations.registry import registry_of
from gateway.integrations.rows import require_integration
from gateway.integrations.summary import IntegrationSummary, summaries, summary
from gateway.integrations.type import IntegrationType
from gateway.tenants.acting import Acting


@dataclass(frozen=True, slots=True)
class TypeSummary:
    """An integration type as it is shown: `attributes` are its form, `providers` those whose connections it takes.
    `broken` says why it cannot be used, None where it can; nothing else is known of it then.
    """

    id: str
    label: str | None = None
    description: str | None = None
    providers: Sequence[str] = ()
    needs_connection: bool = False
    is_live: bool = False
    schedule: str | None = None
    attributes: Sequence[Mapping[str, Any]] = ()
    broken: str | None = None


def find_integrations(acting: Acting, page: PageRequest) -> Page[IntegrationSummary]:
    """A page of the tenant's integrations, by name. Raises `InvalidInput`."""
    found = page_of(acting.session, select(Integration), Integration.name, page)
    return Page(summaries(acting, found.rows), found.next_cursor)


def show_integration(acting: Acting, integration: str) -> IntegrationSummary:
    """The one of this name or id; where it may be changed, nobody else changes it meanwhile. Raises `NotFound`."""
    return summary(acting, require_integration(acting.session, integration, lock=acting.is_writing))


def find_types(installation: Installation, page: PageRequest) -> Page[TypeSummary]:
    """A page of the integration types, by id. Raises `InvalidInput`."""
    return page_of_values({one.id: one for one in all_types(installation)}, page, name="integration_types")


def all_types(installation: Installation) -> list[TypeSummary]:
    """All that are named, by id; broken ones too."""
    registry = registry_of(installation)
    broken = [TypeSummary(one.id, broken=one.reason) for one in registry.broken()]
    return sorted([*map(type_summary, registry.types()), *broken], key=lambda one: one.id)


def show_type(installation: Installation, type_id: str) -> TypeSummary:
    """The one of this id. Raises `NotFound`, also for one that is broken."""
    return type_summary(registry_of(installation).require(type_id))


def type_summary(type_: IntegrationType) -> TypeSummary:
    """A type as it is shown."""
    return TypeSummary(
        id=type_.id,
        label=type_.label,
        description=type_.description,
        providers=tuple(type_.providers),
        needs_connection=type_.needs_connection,
        is_live=type_.is_live,
        schedule=type_.schedule,
        attributes=form_of(type_.attributes),
    )
