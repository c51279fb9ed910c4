"""Somebody who acts, for tests that call use cases as a door does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gateway.clock import Clock, from_us
from gateway.config import Settings
from gateway.db.database import Database
from gateway.installation import Installation
from gateway.tenants.acting import Acting, act
from gateway.tenants.audit import Actor, ActorKind
from gateway.tenants.models import Tenant

TESTER = Actor(ActorKind.COMMAND_LINE, "tester")


def installation_on(database: Database, clock: Clock | None = None) -> Installation:
    """An installation that works on an open database; closing it is left to the database's owner."""
    url = database.engine.url.render_as_string(hide_password=False)
    installation = Installation(Settings(database_url=url, allow_private_destinations=True), clock=clock)
    installation.adopt(database.engine)
    return installation


@contextmanager
def acting_on(
    database: Database, clock: Clock | None = None, *, tenant: str = "default", write: bool = True
) -> Iterator[Acting]:
    """One transaction of a tester."""
    with act(installation_on(database, clock), actor=TESTER, tenant=tenant, write=write) as acting:
        yield acting


def add_tenant(database: Database, clock: Clock, slug: str) -> str:
    """A tenant with this slug; its id."""
    with database.system_session(write=True) as session:
        session.add(Tenant(id=f"ten_{slug}", slug=slug, created_at=from_us(clock.now_us())))
    return f"ten_{slug}"
