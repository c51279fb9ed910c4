"""A refresh in the database: the row as it is, the right to renew it with the intent to, and what came of it.

A claim is a lease (`gateway.db.lease`) that is committed together with `intent_at`, before anybody calls the provider.
What comes of it is written where the lease and the version are still those of the claim, under a lock on the row: see
`decisions.storing`. Each function is one part of a transaction of whoever calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.clock import iso
from gateway.db.lease import new_token
from gateway.db.scope import SystemSession
from gateway.errors import NotFound
from gateway.installation import Installation
from gateway.oauth import vault
from gateway.oauth.app_credentials.app import load_app
from gateway.oauth.connections.rows import KEPT, require_connection
from gateway.oauth.connections.store import apply_tokens, change_state
from gateway.oauth.models import AppCredentials, Connection
from gateway.oauth.protocol.values import Tokens
from gateway.oauth.refreshing import decisions
from gateway.oauth.refreshing.claim import Claim
from gateway.oauth.refreshing.decisions import LEASE_SECONDS, Renewal, Seen, Step, Storing, Verdict
from gateway.oauth.refreshing.leftovers import leave_to_revocation
from gateway.oauth.states import ConnectionState
from gateway.providers.oauth.model import Refresh
from gateway.tenants.acting import Acting

# Reasons of connections, `docs/reference/connecting.md`.
EXPIRED = "expired"
INTERRUPTED = "refresh_interrupted"
ANSWER_LOST = "refresh_answer_lost"
NOT_REFRESHED = "refresh_failed"
APP_REFUSED = "app_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A connection as it was read. `token` is None where it has none."""

    tenant_id: str
    provider: str
    seen: Seen
    way: Renewal
    reason: str | None
    detail: str | None
    token: str | None = field(repr=False)


def look(session: SystemSession, installation: Installation, connection_id: str) -> Looked:
    """The connection with its access token. Raises `NotFound`, `DecryptionFailed`."""
    row = require_connection(session, connection_id)
    secrets = vault.read(session, installation.keyring, connection_id)
    return Looked(
        tenant_id=row.tenant_id,
        provider=row.provider,
        seen=seen_of(row),
        way=_way(installation, row, secrets),
        reason=row.reason,
        detail=row.detail,
        token=secrets.get(vault.ACCESS_TOKEN),
    )


def claim(acting: Acting, connection_id: str, now: datetime, *, must_renew: bool, by_hand: bool) -> Claim | None:
    """The right to renew the connection now; None where it turns out that nobody may, or need. `by_hand` does not mind
    failures before, nor that the customer should connect again.

    Raises `NotFound`, `InvalidInput` where the app credentials cannot be used, `DecryptionFailed`.
    """
    session, installation = acting.session, acting.installation
    row = require_connection(session, connection_id, lock=True)
    seen = seen_of(row)
    secrets = vault.read(session, installation.keyring, connection_id)
    way = _way(installation, row, secrets)
    if by_hand and seen.state is not ConnectionState.REVOKED:
        is_meant = not decisions.is_held(seen, now)
    else:
        is_meant = decisions.next_step(seen, now, way, must_renew=must_renew) is Step.RENEW
    if not is_meant:
        return None
    if way is Renewal.NONE:
        _expire(acting, row, seen, now)
        return None
    app_row = session.get(AppCredentials, row.app_credentials_id or "")
    if app_row is None:
        raise NotFound(f"the app credentials of the connection {connection_id!r} are gone")
    loses = decisions.loses_answers(way, _refresh_of(installation, row))
    if seen.intent_at is not None and loses and seen.state is not ConnectionState.NEEDS_REAUTH:
        detail = f"a refresh was begun at {iso(seen.intent_at)}, and its answer was never stored"
        state = ConnectionState.REFRESH_UNCERTAIN
        change_state(session, installation, row, state, reason=INTERRUPTED, detail=detail, now=now)
    row.lease_token = new_token()
    row.lease_expires_at = now + timedelta(seconds=LEASE_SECONDS)
    row.intent_at = row.scheduled_at = now
    # Found again where nobody says what came of it.
    row.refresh_at = row.lease_expires_at
    session.flush()
    sealed = {name.removeprefix(KEPT): value for name, value in secrets.items() if name.startswith(KEPT)}
    return Claim(
        connection_id=connection_id,
        tenant_id=row.tenant_id,
        provider=row.provider,
        lease_token=row.lease_token,
        version=row.version,
        expires_at=row.lease_expires_at,
        way=way,
        loses=loses,
        failures=row.failures,
        app=load_app(session, installation, app_row, parameters=row.parameters),
        secrets=secrets,
        kept={**row.kept, **sealed},
        scopes=tuple(row.scopes_asked),
        account_id=row.account_id,
    )


def store(acting: Acting, held: Claim, tokens: Tokens, now: datetime) -> Storing:
    """Store what a refresh gave, or say why not. Of a connection that was ended meanwhile, the new tokens go to what
    is still to be ended at the provider.
    """
    session = acting.session
    row = session.get(Connection, held.connection_id, with_for_update=True)
    if row is None:
        return Storing.DROP
    found = decisions.storing(seen_of(row), held.lease_token, held.version)
    if found is Storing.STORE:
        row.lease_token = row.lease_expires_at = row.intent_at = None
        apply_tokens(session, acting.keyring, acting.installation, row, tokens, now=now)
    elif found is Storing.DROP:
        leave_to_revocation(acting, held, tokens)
    return found


def fail(
    acting: Acting, held: Claim, verdict: Verdict, *, code: str, detail: str, now: datetime, seconds: float
) -> None:
    """Note that a refresh failed, to be tried again in `seconds`. Nothing is noted where the right to it is somebody
    else's by now, or there are newer tokens.
    """
    session = acting.session
    row = session.get(Connection, held.connection_id, with_for_update=True)
    if row is None or row.lease_token != held.lease_token or row.version != held.version:
        return
    row.lease_token = row.lease_expires_at = row.intent_at = None
    row.failures += 1
    row.refresh_at, row.scheduled_at, row.updated_at = now + timedelta(seconds=seconds), now, now
    state = ConnectionState(row.state)
    if state is ConnectionState.REVOKED:
        row.refresh_at = None
    elif verdict is Verdict.BROKEN:
        reason = code
        if state is ConnectionState.REFRESH_UNCERTAIN:
            reason, detail = ANSWER_LOST, f"the answer of a refresh was lost, and now {detail}"
        wanted = ConnectionState.NEEDS_REAUTH
        change_state(session, acting.installation, row, wanted, reason=reason, detail=detail, now=now)
    elif verdict is Verdict.UNCERTAIN and state is not ConnectionState.NEEDS_REAUTH:
        wanted = ConnectionState.REFRESH_UNCERTAIN
        change_state(session, acting.installation, row, wanted, reason=ANSWER_LOST, detail=detail, now=now)
    else:
        row.reason = APP_REFUSED if verdict is Verdict.MISCONFIGURED else NOT_REFRESHED
        row.detail = detail
        if state is ConnectionState.NEEDS_REAUTH:
            row.refresh_at = None


def seen_of(row: Connection) -> Seen:
    """What decisions go by."""
    return Seen(
        version=row.version,
        state=ConnectionState(row.state),
        got_at=max(row.refreshed_at or row.connected_at, row.connected_at),
        access_expires_at=row.access_expires_at,
        refresh_at=row.refresh_at,
        scheduled_at=row.scheduled_at,
        lease_token=row.lease_token,
        lease_expires_at=row.lease_expires_at,
        intent_at=row.intent_at,
        failures=row.failures,
    )


def _expire(acting: Acting, row: Connection, seen: Seen, now: datetime) -> None:
    """Nothing renews the token, and it has ended."""
    if seen.state is ConnectionState.NEEDS_REAUTH or decisions.is_alive(seen, now):
        return
    detail = "its access token has ended, and the provider gave nothing that renews it"
    wanted = ConnectionState.NEEDS_REAUTH
    change_state(acting.session, acting.installation, row, wanted, reason=EXPIRED, detail=detail, now=now)


def _way(installation: Installation, row: Connection, secrets: Mapping[str, str]) -> Renewal:
    return decisions.renewal(row.way, _refresh_of(installation, row), secrets.keys())


def _refresh_of(installation: Installation, row: Connection) -> Refresh | None:
    entry = installation.provider(row.provider)
    return None if entry is None or entry.oauth is None else entry.oauth.refresh
