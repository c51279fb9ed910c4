"""App credentials: removed. Nothing is ended at the provider: that is what ending connections is for."""

from __future__ import annotations

from gateway.errors import Conflict, Hint
from gateway.oauth import vault
from gateway.oauth.app_credentials.rows import require_app
from gateway.oauth.app_credentials.summary import AppSummary, summary
from gateway.tenants.acting import Acting


def removable_app(acting: Acting, app: str) -> AppSummary:
    """App credentials that no live connection needs. Raises `NotFound`, and `Conflict` where some do."""
    found = summary(acting, require_app(acting.session, app, lock=acting.is_writing))
    count = found.connections.total
    if count:
        made = "1 live connection was" if count == 1 else f"{count} live connections were"
        message = f"{made} made with {found.name!r}"
        raise Conflict(message, Hint("revoke_connections", {"name": found.name}))
    return found


def remove_app(acting: Acting, app: str) -> None:
    """Forget app credentials and their secrets; nothing is ended at the provider. Raises as above."""
    before = removable_app(acting, app)
    row = require_app(acting.session, before.id, lock=True)
    vault.forget(acting.session, row.id)
    acting.session.delete(row)
    acting.session.flush()
    acting.audit("app_credentials.removed", before.id, before.name, before=before)
