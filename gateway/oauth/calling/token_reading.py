"""Telling a connection's access token to whoever may see it. It is told of in the audit trail."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from gateway.clock import from_us
from gateway.errors import Conflict
from gateway.oauth import vault
from gateway.oauth.calling.plan import KEY_WAYS
from gateway.oauth.connections.rows import require_connection
from gateway.oauth.refreshing.errors import ConnectionRevoked
from gateway.oauth.refreshing.single_flight import ensure_fresh
from gateway.oauth.states import ConnectionState
from gateway.providers.ways import KEY
from gateway.tenants.acting import Transactions


@dataclass(frozen=True, slots=True)
class ToldToken:
    """`expires_at` None: no end is known. `scopes` None: the provider does not say."""

    access_token: str = field(repr=False)
    expires_at: datetime | None
    scopes: list[str] | None


def tell_token(begin: Transactions, connection_id: str) -> ToldToken:
    """The connection's access token, which is good now, or its key.

    Raises `NotFound`, `ConnectionRevoked`, `Conflict` for a way that has neither, and what `ensure_fresh` raises.
    """
    with begin() as acting:
        installation = acting.installation
        row = require_connection(acting.session, connection_id)
        if row.state == ConnectionState.REVOKED:
            raise ConnectionRevoked(f"the connection {connection_id!r} was revoked", reason=row.reason)
        key = None
        if row.way in KEY_WAYS:
            key = vault.read(acting.session, installation.keyring, row.id).get(KEY)
            if key is None:
                raise Conflict(f"the connection {connection_id!r} has no token: it is of the way {row.way}")
        # Before it is told: whoever asks may be gone before the answer.
        acting.audit("connection.token_read", row.id, row.account_label or row.account_id or row.id)
    if key is not None:
        return ToldToken(key, None, None)
    token = ensure_fresh(installation, connection_id)
    with begin(write=False) as acting:
        scopes = require_connection(acting.session, connection_id).scopes_granted
    return ToldToken(token.value, None if token.expires_at_us is None else from_us(token.expires_at_us), scopes)
