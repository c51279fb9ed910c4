"""Connections as their tokens come and go: made or updated by a grant, renewed by a refresh, led from state to state.

Each is one part of a transaction of whoever calls, with the events that tell of it. Nobody is asked here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from gateway.delivery.destinations.grants import connection_changed
from gateway.errors import Conflict
from gateway.events.system import (
    CONNECTION_DEGRADED,
    CONNECTION_NEEDS_REAUTH,
    CONNECTION_RECOVERED,
    CONNECTION_REVOKED,
)
from gateway.installation import Installation
from gateway.oauth import vault
from gateway.oauth.connections.rows import (
    account_digest,
    find_account,
    hold_app,
    insert_connection,
    require_connection,
)
from gateway.oauth.connections.scopes import missing
from gateway.oauth.connections.taking import settle, take_tokens
from gateway.oauth.models import AppCredentials, Connection
from gateway.oauth.protocol.values import AccountFacts, Tokens
from gateway.oauth.states import USABLE, ConnectionState, check_step
from gateway.oauth.telling import tell
from gateway.security.identifiers import new_id
from gateway.security.sealing import Keyring


class Change(StrEnum):
    """What a grant made of its account's connection."""

    CREATED = "created"  # there was none
    UPDATED = "updated"  # there was one, and it has the new tokens


class AccountMismatch(Conflict):
    """Another account was connected than the one that was to be connected anew."""

    code = "account_mismatch"


def create_or_update(
    session: Session,
    keyring: Keyring,
    installation: Installation,
    *,
    tenant_id: str,
    app: AppCredentials | None,
    provider: str,
    way: str,
    tokens: Tokens | None,
    secrets: Mapping[str, str] | None = None,
    account: AccountFacts,
    scopes_asked: Sequence[str],
    parameters: Mapping[str, str],
    kept: Mapping[str, str],
    reference: str | None,
    reconnect_id: str | None,
    now: datetime,
) -> tuple[Connection, Change]:
    """Store a grant: as a new connection, or with the connection that its account has already.

    `secrets` go into the vault beside the tokens, by field. With `reconnect_id` that connection gets the grant: its
    reference stays. `keyring` is claimed (`Acting.keyring`). Raises `NotFound` for a connection to connect anew that
    is not there, `Conflict` where it was revoked or belongs to another provider or other app credentials,
    `AccountMismatch`, and `InvalidInput` where the app credentials were removed meanwhile.
    """
    app_id = None if app is None else app.id
    if app is not None:
        hold_app(session, app)
    found = None
    if reconnect_id is not None:
        found = _to_reconnect(session, reconnect_id, provider, app_id)
        reference = found.reference
    key = account_digest(account.key, app_credentials_id=app_id, reference=reference)
    if found is not None:
        _check_account(session, found, key)
        connection, change = found, Change.UPDATED
    else:
        new = _new_row(tenant_id, provider, app_id, way, reference, key, now)
        connection, change = _found_or_made(session, new, key)
    was = None if change is Change.CREATED else ConnectionState(connection.state)
    lacked = missing(connection.scopes_asked, connection.scopes_granted)
    if was is ConnectionState.NEEDS_REAUTH:
        # What is left of a broken grant would break the new one.
        vault.forget(session, connection.id)
    connection.way = way
    connection.account_key = key or connection.account_key
    connection.account_id = account.id or connection.account_id
    connection.account_label = account.label or connection.account_label
    connection.scopes_asked = list(scopes_asked)
    connection.scopes_granted = None
    connection.parameters = dict(parameters)
    connection.kept = dict(kept)
    connection.connected_at = now
    connection.refresh_expires_at = connection.warned_at = None
    # Whoever is refreshing what was there before comes too late.
    connection.lease_token = connection.lease_expires_at = None
    vault.write(session, keyring, tenant_id=tenant_id, owner_id=connection.id, secrets=dict(secrets or {}), now=now)
    take_tokens(session, keyring, installation, connection, tokens, now=now)
    settle(session, installation, connection, was=was, lacked=lacked)
    return connection, change


def apply_tokens(
    session: Session,
    keyring: Keyring,
    installation: Installation,
    connection: Connection,
    tokens: Tokens,
    *,
    now: datetime,
) -> None:
    """Store what a refresh gave. What did not come (a refresh token, scopes, kept values) stays as it was.

    The caller holds the row and has compared its version. Raises `IllegalTransition` for a connection that was revoked.
    """
    was = ConnectionState(connection.state)
    check_step(was, ConnectionState.CONNECTED)
    lacked = missing(connection.scopes_asked, connection.scopes_granted)
    connection.refreshed_at = now
    take_tokens(session, keyring, installation, connection, tokens, now=now)
    settle(session, installation, connection, was=was, lacked=lacked)


def change_state(
    session: Session,
    installation: Installation,
    connection: Connection,
    state: ConnectionState,
    *,
    reason: str | None,
    detail: str | None,
    now: datetime,
) -> None:
    """Lead a connection to `state`, and tell of it once; where it is in it already, only why is written anew.

    Where it needs a person or has ended, nothing is due any more. Raises `IllegalTransition`.
    """
    was = ConnectionState(connection.state)
    check_step(was, state)
    connection.state, connection.reason, connection.detail, connection.updated_at = state, reason, detail, now
    if state in (ConnectionState.NEEDS_REAUTH, ConnectionState.REVOKED):
        connection.refresh_at, connection.scheduled_at = None, now
    if state is ConnectionState.REVOKED and connection.revoked_at is None:
        connection.revoked_at = now
    if (was in USABLE) is not (state in USABLE):
        session.flush()
        connection_changed(session, [connection.id])
    event_type = _told(was, state)
    if event_type is not None:
        tell(session, installation, event_type, connection)


def _found_or_made(session: Session, new: Mapping[str, Any], key: bytes | None) -> tuple[Connection, Change]:
    while True:
        if key is not None:
            found = find_account(session, tenant_id=new["tenant_id"], provider=new["provider"], account_key=key)
            if found is not None:
                return found, Change.UPDATED
        made = insert_connection(session, new)
        if made is not None:
            return made, Change.CREATED
        # Another transaction was quicker with this account, and has committed.


def _new_row(
    tenant_id: str,
    provider: str,
    app_id: str | None,
    way: str,
    reference: str | None,
    key: bytes | None,
    now: datetime,
) -> dict[str, Any]:
    return {
        "id": new_id("conn"),
        "tenant_id": tenant_id,
        "provider": provider,
        "app_credentials_id": app_id,
        "way": way,
        "reference": reference,
        "state": ConnectionState.CONNECTED,
        "account_key": key,
        "scopes_asked": [],
        "parameters": {},
        "kept": {},
        "version": 0,
        "scheduled_at": now,
        "connected_at": now,
        "created_at": now,
        "updated_at": now,
    }


def _to_reconnect(session: Session, connection_id: str, provider: str, app_id: str | None) -> Connection:
    found = require_connection(session, connection_id, lock=True)
    if found.state == ConnectionState.REVOKED:
        raise Conflict(f"the connection {connection_id!r} was revoked, and is not connected again: make another one")
    if found.provider != provider or found.app_credentials_id != app_id:
        raise Conflict(f"the connection {connection_id!r} is of {found.provider}, by other app credentials or none")
    return found


def _check_account(session: Session, connection: Connection, key: bytes | None) -> None:
    """Raise where the grant is not of the account of `connection`, or that account has another connection."""
    if connection.account_key is not None and connection.account_key != key:
        raise AccountMismatch("another account was connected than the one that this connection is of")
    if connection.account_key is None and key is not None:
        other = find_account(session, tenant_id=connection.tenant_id, provider=connection.provider, account_key=key)
        if other is not None:
            raise Conflict(f"this account is connected already, as {other.id!r}")


def _told(was: ConnectionState, state: ConnectionState) -> str | None:
    if was is state:
        return None
    if state is ConnectionState.CONNECTED:
        # That a refresh was uncertain was told to nobody.
        return None if was is ConnectionState.REFRESH_UNCERTAIN else CONNECTION_RECOVERED
    return {
        ConnectionState.DEGRADED: CONNECTION_DEGRADED,
        ConnectionState.NEEDS_REAUTH: CONNECTION_NEEDS_REAUTH,
        ConnectionState.REVOKED: CONNECTION_REVOKED,
    }.get(state)
