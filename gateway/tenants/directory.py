"""Tenants found by their slug or id, as they are shown. Making and changing them is `management`'s matter."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from gateway.db.scope import SystemSession
from gateway.errors import Hint, NotFound
from gateway.suggestions import suggest
from gateway.tenants.limits import TenantLimits, limits_of
from gateway.tenants.models import Tenant


class TenantState(StrEnum):
    """Whether a tenant's events come and go."""

    ACTIVE = "active"  # they do
    SUSPENDED = "suspended"  # its webhooks are answered 503, its deliveries wait
    ERASING = "erasing"  # its data is being removed: it is as if it were not there


@dataclass(frozen=True, slots=True)
class TenantSummary:
    """A tenant as it is shown. `is_full`, where snapshots tell it: it has as much in the journal as it may have."""

    id: str
    slug: str
    created_at: datetime
    limits: TenantLimits = field(default_factory=TenantLimits)
    return_origins: Sequence[str] = ()
    suspended_at: datetime | None = None
    erasing_at: datetime | None = None
    is_full: bool = False

    @property
    def state(self) -> TenantState:
        """Whether its events come and go."""
        if self.erasing_at is not None:
            return TenantState.ERASING
        return TenantState.ACTIVE if self.suspended_at is None else TenantState.SUSPENDED


def find_tenant(session: SystemSession, slug: str) -> TenantSummary:
    """The tenant with this slug or id. Raises `NotFound`, with a suggestion where one is near."""
    return summary_of(require_tenant(session, slug))


def slugs_of(session: Session, tenant_ids: Collection[str]) -> dict[str, str]:
    """The slugs of tenants by their ids; of one that is gone the id is what is left."""
    found = session.execute(select(Tenant.id, Tenant.slug).where(Tenant.id.in_(tenant_ids)))
    return {tenant_id: tenant_id for tenant_id in tenant_ids} | dict(iter(found))


def require_tenant(session: SystemSession, slug: str, *, lock: bool = False) -> Tenant:
    """The row of the tenant with this slug or id; `lock`ed until the transaction ends.

    Raises `NotFound`, with a suggestion where one is near.
    """
    statement = select(Tenant).where(or_(Tenant.slug == slug, Tenant.id == slug))
    # Beside it the shared lock stands that every foreign key to the tenant takes.
    found = session.scalars(statement.with_for_update(key_share=True) if lock else statement).all()
    if found:
        # A slug that reads like the id of another tenant loses.
        return next((row for row in found if row.id == slug), found[0])
    known = session.scalars(select(Tenant.slug)).all()
    raise NotFound(f"there is no tenant {slug!r}", suggest(slug, known, Hint("create_tenant", {"slug": slug})))


def summary_of(tenant: Tenant) -> TenantSummary:
    """The row as it is shown."""
    return TenantSummary(
        id=tenant.id,
        slug=tenant.slug,
        created_at=tenant.created_at,
        limits=limits_of(tenant.limits),
        return_origins=tuple(tenant.return_origins or ()),
        suspended_at=tenant.suspended_at,
        erasing_at=tenant.erasing_at,
    )
