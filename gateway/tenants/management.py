"""Tenants: made, listed, changed, suspended. Use cases of who acts for no tenant."""

from __future__ import annotations

import re

from sqlalchemy import select

from gateway.db.paging import Page, PageRequest, page_of
from gateway.errors import Conflict, Hint, InvalidInput
from gateway.security.identifiers import new_id
from gateway.tenants.acting import SystemActing
from gateway.tenants.directory import TenantSummary, require_tenant, summary_of
from gateway.tenants.draft import TenantChange, faults, origin_of
from gateway.tenants.models import Tenant

SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
# `gateway` names events of our own; the others would read as "every tenant" or "no tenant" on a command line.
RESERVED_SLUGS = frozenset({"gateway", "system", "all", "none"})


def create_tenant(acting: SystemActing, slug: str) -> TenantSummary:
    """A new tenant. Raises `InvalidInput` for a slug that cannot stand in a URL, `Conflict` for one that is taken."""
    if not SLUG.fullmatch(slug):
        message = (
            f"{slug!r} is not a tenant's slug: use 1 to 64 lower-case letters, digits, - and _, letters or digits first"
        )
        raise InvalidInput.at("slug", "malformed", message)
    if slug in RESERVED_SLUGS:
        raise InvalidInput.at("slug", "reserved", f"the slug {slug!r} is reserved; choose another one")
    session = acting.session
    if session.scalars(select(Tenant).where(Tenant.slug == slug)).first() is not None:
        raise Conflict(f"there is a tenant {slug!r} already")
    tenant = Tenant(id=new_id("ten"), slug=slug, created_at=acting.now)
    session.add(tenant)
    session.flush()
    made = summary_of(tenant)
    acting.audit("tenant.added", tenant.id, slug, tenant_id=tenant.id, after=made)
    return made


def find_tenants(acting: SystemActing, page: PageRequest) -> Page[TenantSummary]:
    """A page of all tenants, by slug. Raises `InvalidInput`."""
    found = page_of(acting.session, select(Tenant), Tenant.slug, page)
    return Page(tuple(map(summary_of, found.rows)), found.next_cursor)


def change_tenant(acting: SystemActing, slug: str, change: TenantChange) -> TenantSummary:
    """Set limits and origins; what is not named stays. Raises `NotFound`, `InvalidInput`, `Conflict` (erasing)."""
    found = faults(change)
    if found:
        raise InvalidInput(faults=found)
    tenant = _changeable(acting, slug)
    before = summary_of(tenant)
    limits = {**tenant.limits, **change.limits}
    tenant.limits = {name: value for name, value in limits.items() if value is not None}
    if change.return_origins is not None:
        tenant.return_origins = list(dict.fromkeys(map(origin_of, change.return_origins)))
    return _changed(acting, tenant, "tenant.changed", before)


def suspend_tenant(acting: SystemActing, slug: str) -> TenantSummary:
    """Answer its webhooks 503 and let its deliveries wait, from now on. Repeating it changes nothing.

    Raises `NotFound`, `Conflict` (erasing).
    """
    tenant = _changeable(acting, slug)
    before = summary_of(tenant)
    if tenant.suspended_at is not None:
        return before
    tenant.suspended_at = acting.now
    return _changed(acting, tenant, "tenant.suspended", before)


def resume_tenant(acting: SystemActing, slug: str) -> TenantSummary:
    """Receive and deliver again. Repeating it changes nothing. Raises `NotFound`, `Conflict` (erasing)."""
    tenant = _changeable(acting, slug)
    before = summary_of(tenant)
    if tenant.suspended_at is None:
        return before
    tenant.suspended_at = None
    return _changed(acting, tenant, "tenant.resumed", before)


def _changeable(acting: SystemActing, slug: str) -> Tenant:
    tenant = require_tenant(acting.session, slug, lock=True)
    if tenant.erasing_at is not None:
        raise Conflict(f"the tenant {slug!r} is being erased", Hint("finish_erasing", {"slug": slug}))
    return tenant


def _changed(acting: SystemActing, tenant: Tenant, action: str, before: TenantSummary) -> TenantSummary:
    acting.session.flush()
    after = summary_of(tenant)
    if after != before:
        acting.audit(action, tenant.id, tenant.slug, tenant_id=tenant.id, before=before, after=after)
    return after
