"""The row of app credentials, by their name or id."""

from __future__ import annotations

from sqlalchemy import or_, select

from gateway.db.scope import TenantSession
from gateway.errors import Hint, NotFound
from gateway.oauth.models import AppCredentials
from gateway.suggestions import suggest


def require_app(session: TenantSession, app: str, *, lock: bool = False) -> AppCredentials:
    """The row of the tenant's app credentials, by their name or id; `lock`ed until the transaction ends.

    Raises `NotFound`, with a suggestion where one is near.
    """
    # Both are the tenant's own; a name that reads like an id of other app credentials loses.
    statement = select(AppCredentials).where(or_(AppCredentials.name == app, AppCredentials.id == app))
    found = session.scalars(statement.with_for_update() if lock else statement).all()
    if not found:
        known = session.scalars(select(AppCredentials.name)).all()
        hint = suggest(app, known, Hint("add_app_credentials", {"name": app}))
        raise NotFound(f"there are no app credentials {app!r}", hint)
    return next((row for row in found if row.id == app), found[0])
