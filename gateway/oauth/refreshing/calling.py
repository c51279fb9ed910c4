"""The call that renews, in the way that a connection has. No database."""

from __future__ import annotations

from gateway.clock import Clock
from gateway.errors import Conflict
from gateway.oauth.protocol import tokens
from gateway.oauth.protocol.endpoints import endpoints
from gateway.oauth.protocol.http import Http
from gateway.oauth.protocol.values import Tokens
from gateway.oauth.refreshing.claim import Claim
from gateway.oauth.refreshing.decisions import Renewal


def call(held: Claim, http: Http, clock: Clock) -> Tokens:
    """Ask the provider for the next token. Raises `ProviderError`, and other `GatewayError`s where nothing was sent."""
    app = held.app
    where = endpoints(app, http, clock, kept=held.kept)
    now_us = clock.now_us()
    if held.way is Renewal.CLIENT_CREDENTIALS:
        return tokens.client_credentials(app, where, http, scopes=held.scopes, kept=held.kept, now_us=now_us)
    if held.way is Renewal.ASSERTION:
        key = held.secrets.get("assertion_key")
        return tokens.jwt_bearer(app, where, http, scopes=held.scopes, key=key, kept=held.kept, now_us=now_us)
    if held.way is Renewal.UNKNOWN:
        raise Conflict(f"the catalogue does not say any more how tokens of {held.provider!r} are renewed")
    return tokens.refresh(
        app, where, http, secrets=held.secrets, kept=held.kept, account_id=held.account_id, now_us=now_us
    )
