"""Connect sessions made: judged against the tenant, its app credentials and what their provider asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from gateway.errors import Conflict, Fault, Hint, InvalidInput
from gateway.oauth.app_credentials.app import entry_of, gateway_url
from gateway.oauth.app_credentials.rows import require_app
from gateway.oauth.connections.rows import require_connection
from gateway.oauth.flows.one_time import digest, new_token
from gateway.oauth.flows.sessions.draft import ConnectSessionDraft, faults
from gateway.oauth.flows.sessions.summary import ConnectSessionSummary, summary
from gateway.oauth.models import AppCredentials, Connection, ConnectSession
from gateway.oauth.states import ConnectionState
from gateway.providers.oauth.hosts import server_parameters
from gateway.providers.oauth.model import OAuth
from gateway.providers.oauth.parameters import FIELD, completed
from gateway.security.identifiers import new_id
from gateway.tenants.acting import Acting

LIFETIME = timedelta(minutes=10)
BY_BROWSER = "authorization_code"


@dataclass(frozen=True, slots=True)
class MadeConnectSession:
    """A connect session, and its one-time URL, to be shown this once."""

    session: ConnectSessionSummary
    url: str = field(repr=False)


def make_connect_session(acting: Acting, draft: ConnectSessionDraft, *, way: str = BY_BROWSER) -> MadeConnectSession:
    """A one-time URL for one customer, for 10 minutes. `way` is how the account is to be connected.

    Raises `InvalidInput`, `NotFound`, and `Conflict` where the app credentials are disabled, or the connection to
    connect anew was revoked.
    """
    found = list(faults(draft, acting.tenant.return_origins))
    if found:
        raise InvalidInput(faults=found)
    if draft.embed and not gateway_url(acting.installation).startswith("https:"):
        # RFC 6265bis, 4.1.2.7: a cookie of a frame is taken only with Secure.
        message = (
            "an embedded page has a cookie that browsers take over HTTPS alone, which GATEWAY_BASE_URL does not say"
        )
        raise InvalidInput.at("embed", "not_taken", message)
    before = None if draft.reconnect is None else require_connection(acting.session, draft.reconnect)
    app = _app_of(acting, draft, before)
    if app is not None:
        _, oauth = entry_of(acting.installation, app.provider)
        _require_way(oauth, app, way)
        _judge_parameters(acting, oauth, app, draft.parameters)
    token = new_token()
    row = ConnectSession(
        id=new_id("cs"),
        app_credentials_id=None if app is None else app.id,
        reconnect_id=None if before is None else before.id,
        reference=draft.reference if before is None else before.reference,
        scopes=_scopes(draft, before),
        parameters={**({} if before is None else before.parameters), **draft.parameters},
        return_to=draft.return_to,
        theme=dict(draft.theme),
        is_embedded=draft.embed,
        token_digest=digest(token),
        asker_kind=acting.actor.kind,
        asker_id=acting.actor.id,
        asker_name=acting.actor.name,
        created_at=acting.now,
        expires_at=acting.now + LIFETIME,
    )
    acting.session.add(row)
    acting.session.flush()
    made = summary(acting, row)
    acting.audit("connect_session.made", row.id, made.app_credentials, after=made)
    page = "/connect/embedded" if draft.embed else "/connect"
    path = page if app is None else f"/oauth/{app.provider}/login"
    return MadeConnectSession(made, f"{gateway_url(acting.installation)}{path}?session={token}")


def _require_way(oauth: OAuth, app: AppCredentials, way: str) -> None:
    """Raise where accounts of this provider are not connected so."""
    ways = {BY_BROWSER} if oauth.kind == "oauth1" else oauth.grants.keys()
    if way not in ways:
        message = f"accounts of {app.provider} are not connected by {way}, but by {', '.join(sorted(ways))}"
        raise InvalidInput.at("app_credentials", "not_taken", message, Hint("show_provider", {"id": app.provider}))


def _require_usable(app: AppCredentials) -> None:
    """Raise for app credentials that are disabled."""
    if app.disabled_at is not None:
        raise Conflict(f"the app credentials {app.name!r} are disabled")


def _app_of(acting: Acting, draft: ConnectSessionDraft, before: Connection | None) -> AppCredentials | None:
    name = draft.app_credentials
    if before is not None:
        if before.state == ConnectionState.REVOKED:
            message = f"the connection {before.id!r} was revoked, and is not connected again: connect without reconnect"
            raise Conflict(message)
        if before.app_credentials_id is None:
            message = f"the connection {before.id!r} was made without app credentials, and by no browser"
            raise InvalidInput.at("reconnect", "not_taken", message)
        name = name or before.app_credentials_id
    if name is None:
        return None
    app = require_app(acting.session, name)
    if before is not None and before.app_credentials_id != app.id:
        message = f"the connection {before.id!r} was made with other app credentials than {app.name!r}"
        raise InvalidInput.at("reconnect", "not_taken", message)
    _require_usable(app)
    return app


def _judge_parameters(acting: Acting, oauth: OAuth, app: AppCredentials, given: Mapping[str, str]) -> None:
    """Raise for values that are wrong, not known, or the app's own; what is missing, the customer is asked for."""
    own = server_parameters(oauth) | {name for name, value in app.parameters.items() if value}
    taken = [
        Fault(f"{FIELD}.{name}", "not_taken", f"{name} is said by the app credentials {app.name!r}")
        for name in given
        if name in own and name in oauth.parameters and given[name] != app.parameters.get(name)
    ]
    if taken:
        raise InvalidInput(faults=taken)
    asked = {name: one for name, one in oauth.parameters.items() if name in given}
    unknown = {name: value for name, value in given.items() if name not in oauth.parameters}
    completed(
        asked or oauth.parameters if unknown else asked, given, plain_http=acting.installation.policy.allow_private
    )


def _scopes(draft: ConnectSessionDraft, before: Connection | None) -> list[str] | None:
    if draft.scopes is not None:
        return list(draft.scopes)
    return None if before is None else list(before.scopes_asked)
