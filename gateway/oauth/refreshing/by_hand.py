"""A refresh that a person asks for, whether or not one is due."""

from __future__ import annotations

from gateway.errors import Conflict
from gateway.oauth.connections.rows import require_connection
from gateway.oauth.connections.summary import ConnectionSummary, summary
from gateway.oauth.refreshing.single_flight import SingleFlight
from gateway.oauth.states import ConnectionState
from gateway.tenants.acting import Transactions


def refresh_by_hand(begin: Transactions, connection_id: str) -> ConnectionSummary:
    """Renew the connection's token now, also where the provider refused that before.

    Raises `NotFound`, `Conflict` where it was revoked or nothing renews it, `ConnectionNeedsReauth` and `ProviderError`
    where it was not renewed.
    """
    with begin(write=False) as acting:
        row = require_connection(acting.session, connection_id)
        if row.state == ConnectionState.REVOKED:
            raise Conflict(f"the connection {connection_id!r} was revoked: there is nothing left to be refreshed")
        installation = acting.installation
    installation.part(SingleFlight).refresh(connection_id, by_hand=True)
    with begin() as acting:
        found = summary(acting.session, require_connection(acting.session, connection_id))
        acting.audit("connection.refreshed", found.id, found.account.label, after={"state": found.state})
    return found
