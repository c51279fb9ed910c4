"""Testing a connection: asked live, and its state led to what was seen."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.clients.auth.base import TokenSource
from gateway.clients.errors import AuthenticationFailed, IntegrationError
from gateway.errors import Conflict
from gateway.installation import Installation
from gateway.oauth import vault
from gateway.oauth.calling.opened import Opened, open_connection
from gateway.oauth.calling.plan import KEY_WAYS
from gateway.oauth.connections.rows import require_connection
from gateway.oauth.connections.scopes import missing
from gateway.oauth.connections.store import change_state
from gateway.oauth.connections.summary import ConnectionSummary, summary
from gateway.oauth.connections.taking import SCOPES_MISSING
from gateway.oauth.models import Connection
from gateway.oauth.refreshing.token_source import ConnectionTokens
from gateway.oauth.states import USABLE, ConnectionState
from gateway.oauth.trying.attempt import Finding, Trial
from gateway.oauth.trying.key import try_key
from gateway.oauth.trying.token import try_token
from gateway.tenants.acting import Acting, Transactions

REFUSED = "credentials_refused"
NOT_ALLOWED = "not_allowed"
UNTESTED = "untested"


@dataclass(frozen=True, slots=True)
class TestedConnection:
    """A connection after a trial, and what the trial saw."""

    __test__ = False

    connection: ConnectionSummary
    trial: Trial = field(repr=False)

    @property
    def is_working(self) -> bool:
        """Whether the provider took its credentials."""
        return self.trial.finding is Finding.WORKS


def test_connection(begin: Transactions, connection_id: str) -> TestedConnection:
    """Ask the provider whether the connection's credentials are good. Refused after one refresh, it needs its customer;
    what may not be asked degrades it. Where there is no clear answer its state stays.

    Raises `NotFound`, `InvalidInput`, and `Conflict` for a connection that was revoked.
    """
    with begin(write=False) as acting:
        row = require_connection(acting.session, connection_id)
        if row.state == ConnectionState.REVOKED:
            raise Conflict(f"the connection {connection_id!r} was revoked: there is nothing left to be tested")
        source = _Remembering(ConnectionTokens(acting.installation, connection_id))
        opened = open_connection(acting.session, acting.installation, row, source)
        version, installation = row.version, acting.installation
    trial = _tried(installation, opened, source)
    with begin() as acting:
        row = require_connection(acting.session, connection_id, lock=True)
        if _is_of(acting, row, source, version):
            _settle(acting, row, trial)
        found = summary(acting.session, row)
        seen = {"finding": trial.finding, "status": trial.status, "state": row.state}
        acting.audit("connection.tested", row.id, found.name, after=seen)
    return TestedConnection(found, trial)


def state_after(state: ConnectionState, finding: Finding, *, way: str, reason: str | None) -> ConnectionState:
    """The state that a trial leads to. Pure."""
    if finding is Finding.REFUSED and state in USABLE:
        return ConnectionState.NEEDS_REAUTH
    if finding is Finding.NOT_ALLOWED and state is ConnectionState.CONNECTED:
        return ConnectionState.DEGRADED
    if finding is Finding.WORKS:
        if state is ConnectionState.DEGRADED and reason == NOT_ALLOWED:
            return ConnectionState.CONNECTED
        # A grant whose access token works is broken all the same when it cannot be renewed.
        if state is ConnectionState.NEEDS_REAUTH and way in KEY_WAYS:
            return ConnectionState.CONNECTED
    return state


def _tried(installation: Installation, opened: Opened, source: TokenSource) -> Trial:
    try:
        if opened.app is not None:
            return try_token(
                installation,
                opened.provider,
                opened.app,
                opened.plan,
                source,
                sealed=opened.sealed,
                kept=opened.kept,
                account=opened.account,
            )
        return try_key(installation, opened.provider, opened.plan, opened.parameters)
    except AuthenticationFailed as error:
        return Trial(finding=Finding.REFUSED, detail=str(error))
    except IntegrationError as error:
        return Trial(finding=Finding.UNCLEAR, detail=str(error))


def _is_of(acting: Acting, row: Connection, source: _Remembering, version: int) -> bool:
    """Whether what was tried is what the connection has: it may have been refreshed, or connected anew, meanwhile."""
    if row.state == ConnectionState.REVOKED:
        return False
    if source.last is None:
        return row.version == version
    return vault.read(acting.session, acting.installation.keyring, row.id).get(vault.ACCESS_TOKEN) == source.last


def _settle(acting: Acting, row: Connection, trial: Trial) -> None:
    state = ConnectionState(row.state)
    wanted = state_after(state, trial.finding, way=row.way, reason=row.reason)
    reason = {ConnectionState.NEEDS_REAUTH: REFUSED, ConnectionState.DEGRADED: NOT_ALLOWED}.get(wanted)
    detail = trial.detail
    lacks = missing(row.scopes_asked, row.scopes_granted)
    if wanted is ConnectionState.CONNECTED and lacks:
        wanted, reason, detail = ConnectionState.DEGRADED, SCOPES_MISSING, f"not granted: {', '.join(lacks)}"
    is_tested = trial.finding is Finding.WORKS and row.reason == UNTESTED
    if wanted is state and not is_tested:
        return
    if wanted is ConnectionState.CONNECTED:
        reason = detail = None
    change_state(acting.session, acting.installation, row, wanted, reason=reason, detail=detail, now=acting.now)


class _Remembering:
    """A `TokenSource` that knows which token it gave last."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source
        self.last: str | None = None

    def token(self) -> str:
        self.last = self._source.token()
        return self.last

    def renew(self, refused: str) -> bool:
        return self._source.renew(refused)
