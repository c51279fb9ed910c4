"""Ending a connection: its secrets are gone with the transaction, and nobody waits for the provider.

What the provider has to be told with goes to a `Revocation` of its own, which a job carries out.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from gateway.jobs.request import request_job
from gateway.oauth import vault
from gateway.oauth.connections.rows import require_connection
from gateway.oauth.connections.store import change_state
from gateway.oauth.connections.summary import ConnectionSummary, summary
from gateway.oauth.ending.kind import REVOKE
from gateway.oauth.models import AppCredentials, Connection, Revocation
from gateway.oauth.states import ConnectionState
from gateway.security.identifiers import new_id
from gateway.tenants.acting import Acting

GIVEN_UP_AFTER: Final = timedelta(days=7)
BY_HAND: Final = "by_hand"
# Ways in which somebody granted something that outlives a token.
GRANTED: Final = frozenset({"authorization_code", "device_code", "oauth1"})


def revoke(acting: Acting, connection_id: str, *, local: bool = False) -> ConnectionSummary:
    """End a connection. The provider is told by a job, unless it is `local`, nobody granted anything there, or the
    provider has no revocation. One that was ended already stays as it is. Raises `NotFound`.
    """
    row = require_connection(acting.session, connection_id, lock=True)
    if row.state == ConnectionState.REVOKED:
        return summary(acting.session, row)
    return revoke_row(acting, row, reason=BY_HAND, detail=None, tells_provider=not local)


def revoke_row(
    acting: Acting, row: Connection, *, reason: str, detail: str | None, tells_provider: bool
) -> ConnectionSummary:
    """The same of a row that is held and not ended yet."""
    session = acting.session
    before = summary(session, row)
    if tells_provider:
        _leave_to_job(acting, row)
    vault.forget(session, row.id)
    row.intent_at = row.access_expires_at = row.refresh_expires_at = None
    change_state(
        session, acting.installation, row, ConnectionState.REVOKED, reason=reason, detail=detail, now=acting.now
    )
    after = summary(session, row)
    acting.audit("connection.revoked", row.id, row.account_label, before=_shown(before), after=_shown(after))
    return after


def _leave_to_job(acting: Acting, row: Connection) -> None:
    session, installation = acting.session, acting.installation
    entry = installation.provider(row.provider)
    app = session.get(AppCredentials, row.app_credentials_id or "")
    can_be_told = entry is not None and entry.oauth is not None and entry.oauth.revoke is not None
    if app is None or not can_be_told or row.way not in GRANTED:
        return
    keyring = acting.keyring
    secrets = vault.read_many(session, keyring, [app.id, row.id])
    if not secrets.get(row.id):
        return
    made = Revocation(
        id=new_id("rvc"),
        connection_id=row.id,
        provider=row.provider,
        client_id=app.client_id,
        parameters={**app.parameters, **row.parameters},
        kept=row.kept,
        account_id=row.account_id,
        created_at=acting.now,
        gives_up_at=acting.now + GIVEN_UP_AFTER,
    )
    session.add(made)
    session.flush()
    both = {**secrets.get(app.id, {}), **secrets[row.id]}
    vault.write(session, keyring, tenant_id=row.tenant_id, owner_id=made.id, secrets=both, now=acting.now)
    # Whoever is refreshing it now leaves the newest tokens to it.
    is_held = row.lease_token is not None
    request_job(acting, REVOKE, {"revocation": made.id}, due_at=row.lease_expires_at if is_held else None)


def _shown(connection: ConnectionSummary) -> dict[str, object]:
    return {"provider": connection.provider, "state": connection.state, "reason": connection.reason}
