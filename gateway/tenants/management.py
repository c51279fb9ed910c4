"""Tenants: made and listed. Use cases of who acts for no tenant."""

from __future__ import annotations

import re

from sqlalchemy import select

from gateway.db.paging import Page, PageRequest, page_of
from gateway.errors import Conflict, InvalidInput
from gateway.security.identifiers import new_id
from gateway.tenants.acting import SystemActing
from gateway.tenants.directory import TenantSummary, summary_of
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
