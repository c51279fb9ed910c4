"""The row of an integration, by its name or id."""

from __future__ import annotations

from sqlalchemy import or_, select

from gateway.db.scope import TenantSession
from gateway.errors import Hint, NotFound
from gateway.integrations.models import Integration
from gateway.suggestions import suggest


def require_integration(session: TenantSession, name: str, *, lock: bool = False) -> Integration:
    """The row of the tenant's integration of this name or id; `lock`ed until the transaction ends.

    Raises `NotFound`, with a suggestion where one is near.
    """
    # A name that reads like the id of another integration loses.
    statement = select(Integration).where(or_(Integration.name == name, Integration.id == name))
    found = session.scalars(statement.with_for_update() if lock else statement).all()
    if not found:
        known = session.scalars(select(Integration.name)).all()
        raise NotFound(
            f"there is no integration {name!r}", suggest(name, known, Hint("add_integration", {"name": name}))
        )
    return next((row for row in found if row.id == name), found[0])
