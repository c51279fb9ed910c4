"""What a connection takes of a token answer: secrets, ends, the next refresh; and the state that this leads to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import random

from sqlalchemy.orm import Session

from gateway.clock import from_us
from gateway.delivery.destinations.grants import connection_changed
from gateway.errors import NotFound
from gateway.events.system import CONNECTION_CREATED, CONNECTION_DEGRADED, CONNECTION_RECOVERED
from gateway.installation import Installation
from gateway.oauth import vault
from gateway.oauth.connections.renewal import can_renew, refresh_at
from gateway.oauth.connections.rows import secrets_of
from gateway.oauth.connections.scopes import missing
from gateway.oauth.models import Connection
from gateway.oauth.protocol.values import Tokens
from gateway.oauth.states import USABLE, ConnectionState
from gateway.oauth.telling import tell
from gateway.providers.oauth.model import OAuth
from gateway.security.sealing import Keyring

SCOPES_MISSING = "scopes_missing"
WARNED_BEFORE = timedelta(days=7)
"""When the end of a grant is told of."""
# What is told twice as seconds from now differs a little.
SAME_END = timedelta(minutes=1)


def take_tokens(
    session: Session,
    keyring: Keyring,
    installation: Installation,
    connection: Connection,
    tokens: Tokens | None,
    *,
    now: datetime,
) -> None:
    """Store `tokens`, and when they end and are renewed."""
    connection.version += 1
    connection.failures = 0
    connection.intent_at = None
    connection.updated_at = connection.scheduled_at = now
    connection.access_expires_at = connection.refresh_at = None
    if tokens is None:
        return
    oauth = _oauth_of(installation, connection)
    before = vault.fields(session, connection.id)
    secrets = secrets_of(tokens)
    vault.write(session, keyring, tenant_id=connection.tenant_id, owner_id=connection.id, secrets=secrets, now=now)
    if tokens.scopes is not None:
        connection.scopes_granted = list(tokens.scopes)
    connection.kept = {**connection.kept, **tokens.kept}
    connection.access_expires_at = None if tokens.expires_at_us is None else from_us(tokens.expires_at_us)
    has_refresh_token = vault.REFRESH_TOKEN in secrets or vault.REFRESH_TOKEN in before
    is_renewable = can_renew(oauth, connection.way, has_refresh_token=has_refresh_token)
    end = _end_of_grant(connection, oauth, tokens, now=now) if is_renewable else connection.access_expires_at
    if end is not None:
        _take_end(connection, end, now=now)
    connection.refresh_at = refresh_at(
        oauth,
        now=now,
        expires_at=connection.access_expires_at,
        is_renewable=is_renewable,
        keeps_alive=has_refresh_token,
        chance=random(),  # noqa: S311 (spreads refreshes, no secret)
    )


def settle(
    session: Session,
    installation: Installation,
    connection: Connection,
    *,
    was: ConnectionState | None,
    lacked: Sequence[str],
) -> None:
    """Say what state the new tokens lead to, and tell what changed. `was` None: the connection is new."""
    lacks = missing(connection.scopes_asked, connection.scopes_granted)
    connection.state = ConnectionState.DEGRADED if lacks else ConnectionState.CONNECTED
    connection.reason = SCOPES_MISSING if lacks else None
    connection.detail = f"not granted: {', '.join(lacks)}" if lacks else None
    session.flush()
    if was is None:
        tell(session, installation, CONNECTION_CREATED, connection)
    elif was is ConnectionState.NEEDS_REAUTH or (was is ConnectionState.DEGRADED and not lacks):
        tell(session, installation, CONNECTION_RECOVERED, connection)
    if lacks and not lacked:
        tell(session, installation, CONNECTION_DEGRADED, connection)
    if was is not None and was not in USABLE:
        session.flush()
        connection_changed(session, [connection.id])


def _oauth_of(installation: Installation, connection: Connection) -> OAuth:
    entry = installation.provider(connection.provider)
    if entry is None or entry.oauth is None:
        raise NotFound(f"the catalogue has no way to connect accounts of {connection.provider!r}")
    return entry.oauth


def _take_end(connection: Connection, end: datetime, *, now: datetime) -> None:
    """The grant ends at `end`. One that every refresh moves, and that is always near, is none to warn of."""
    before = connection.refresh_expires_at
    is_moving = before is not None and end - before > SAME_END
    if before is None or is_moving:
        connection.warned_at = now if is_moving and end - now <= WARNED_BEFORE else None
    connection.refresh_expires_at = end


def _end_of_grant(connection: Connection, oauth: OAuth, tokens: Tokens, *, now: datetime) -> datetime | None:
    """When the refresh token that came ends; None where none came, or nothing is known."""
    if tokens.refresh_expires_at_us is not None:
        return from_us(tokens.refresh_expires_at_us)
    refresh = oauth.refresh
    if tokens.refresh_token is None or refresh.lifetime_seconds is None:
        return None
    # One that stays the same lives from the grant on, however often it is told.
    is_told_again = refresh.style == "static" and connection.refresh_expires_at is not None
    return None if is_told_again else now + timedelta(seconds=refresh.lifetime_seconds)
