"""Tenants: made, listed and found by their slug."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from difflib import get_close_matches

from sqlalchemy import select

from gateway.db.scope import SystemSession
from gateway.errors import Conflict, InvalidInput, NotFound
from gateway.security.identifiers import new_id
from gateway.tenants.models import Tenant

SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
# `gateway` names events of our own; the others would read as "every tenant" or "no tenant" on a command line.
RESERVED_SLUGS = frozenset({"gateway", "system", "all", "none"})


def create_tenant(session: SystemSession, slug: str, *, now: datetime) -> Tenant:
    """A new tenant. Raises `InvalidInput` for a slug that cannot stand in a URL, `Conflict` for one that is taken."""
    if not SLUG.fullmatch(slug):
        raise InvalidInput(
            f"{slug!r} is not a tenant's slug: use 1 to 64 lower-case letters, digits, - and _, letters or digits first"
        )
    if slug in RESERVED_SLUGS:
        raise InvalidInput(f"the slug {slug!r} is reserved; choose another one")
    if session.scalars(select(Tenant).where(Tenant.slug == slug)).first() is not None:
        raise Conflict(f"there is a tenant {slug!r} already")
    tenant = Tenant(id=new_id("ten"), slug=slug, created_at=now)
    session.add(tenant)
    session.flush()
    return tenant


def list_tenants(session: SystemSession) -> Sequence[Tenant]:
    """Every tenant, by slug."""
    return session.scalars(select(Tenant).order_by(Tenant.slug)).all()


def find_tenant(session: SystemSession, slug: str) -> Tenant:
    """The tenant with this slug. Raises `NotFound` with what to do."""
    tenant = session.scalars(select(Tenant).where(Tenant.slug == slug)).first()
    if tenant is not None:
        return tenant
    near = get_close_matches(slug, session.scalars(select(Tenant.slug)).all(), n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"make it with `gateway tenants create {slug}`"
    raise NotFound(f"there is no tenant {slug!r}; {hint}")
