"""Tenants found by their slug. Making and listing them is `management`'s matter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from gateway.db.scope import SystemSession
from gateway.errors import Hint, NotFound
from gateway.suggestions import suggest
from gateway.tenants.models import Tenant


@dataclass(frozen=True, slots=True)
class TenantSummary:
    """A tenant as it is shown."""

    id: str
    slug: str
    created_at: datetime


def find_tenant(session: SystemSession, slug: str) -> TenantSummary:
    """The tenant with this slug. Raises `NotFound`, with a suggestion where one is near."""
    tenant = session.scalars(select(Tenant).where(Tenant.slug == slug)).first()
    if tenant is not None:
        return summary_of(tenant)
    known = session.scalars(select(Tenant.slug)).all()
    raise NotFound(f"there is no tenant {slug!r}", suggest(slug, known, Hint("create_tenant", {"slug": slug})))


def summary_of(tenant: Tenant) -> TenantSummary:
    """The row as it is shown."""
    return TenantSummary(tenant.id, tenant.slug, tenant.created_at)
