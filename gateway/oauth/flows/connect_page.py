"""The connect page: a customer of the application sees what can be connected, and what is, and changes it.

A connect session without app credentials opens it. From then on the browser's cookie is what opens it, so that its URL
holds nothing that is secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from gateway.installation import Installation
from gateway.oauth.ending.revoking import revoke
from gateway.oauth.flows.ending import provider_name
from gateway.oauth.flows.one_time import digest_of_given
from gateway.oauth.flows.opening import Step, start
from gateway.oauth.flows.outcomes import Refusal
from gateway.oauth.flows.rows import BY_BROWSER, acting_for, find_session, require_browser, use_session
from gateway.oauth.flows.sessions.states import outcome_of
from gateway.oauth.flows.steps import FlowRefused, Visitor
from gateway.oauth.models import AppCredentials, Connection, ConnectSession, Flow
from gateway.oauth.states import ConnectionState

LIFETIME = timedelta(hours=1)
MOST_APPS = 100
"""As many as are shown."""


@dataclass(frozen=True, slots=True)
class ConnectedAccount:
    """A connection of the customer."""

    id: str
    label: str
    state: ConnectionState


@dataclass(frozen=True, slots=True)
class Offer:
    """App credentials by which an account can be connected, and the accounts that are."""

    app_credentials_id: str
    name: str
    provider: str
    accounts: Sequence[ConnectedAccount]
    is_ambiguous: bool
    """Whether others have the same provider, so that the name is needed."""

    @property
    def is_broken(self) -> bool:
        """Whether an account has to be connected again."""
        return any(one.state is ConnectionState.NEEDS_REAUTH for one in self.accounts)


@dataclass(frozen=True, slots=True)
class ConnectPage:
    """What is shown. `outcome` and `provider` tell of the last flow, None where there was none."""

    session_id: str
    offers: Sequence[Offer]
    outcome: str | None
    provider: str | None
    return_to: str | None


def open_page(installation: Installation, token: str | None, visitor: Visitor) -> str:
    """Use up the session of `token` for this browser; its id, by which the page is found from then on.

    Raises `FlowRefused`, `StorageUnavailable`.
    """
    session = find_session(installation, digest_of_given(token))
    if session.app_credentials_id is not None:
        raise FlowRefused(Refusal.PROVIDER_MISMATCH)
    with acting_for(installation, session, visitor) as acting:
        use_session(acting, session, visitor)
        row = acting.session.get_one(ConnectSession, session.id)
        row.expires_at = acting.now + LIFETIME
    return session.id


def show_page(installation: Installation, session_id: str, visitor: Visitor) -> ConnectPage:
    """The page of a session that this browser opened. Raises `FlowRefused`, `StorageUnavailable`."""
    session = _opened(installation, session_id, visitor)
    with installation.database.tenant_session(session.tenant_id) as tenant:
        apps = tenant.scalars(
            select(AppCredentials)
            .where(AppCredentials.disabled_at.is_(None))
            .order_by(AppCredentials.name)
            .limit(MOST_APPS)
        ).all()
        connections = tenant.scalars(
            select(Connection)
            .where(Connection.reference == session.reference, Connection.state != ConnectionState.REVOKED)
            .order_by(Connection.id)
        ).all()
        flows = tenant.scalars(select(Flow).where(Flow.session_id == session_id).order_by(Flow.id)).all()
    shown = [app for app in apps if _is_by_browser(installation, app)]
    offers = [_offer(installation, app, shown, connections) for app in shown]
    ended = outcome_of(flows, installation.now())
    return ConnectPage(
        session_id,
        offers,
        None if ended is None else ended.outcome,
        None if ended is None else provider_name(installation, ended.provider),
        session.return_to,
    )


def start_from_page(installation: Installation, session_id: str, app_credentials_id: str, visitor: Visitor) -> Step:
    """Send the browser on its way to connect an account by these app credentials. Raises as `show_page`."""
    return start(installation, _opened(installation, session_id, visitor), app_credentials_id, visitor)


def disconnect(installation: Installation, session_id: str, connection_id: str, visitor: Visitor) -> None:
    """End a connection of this customer. Raises as `show_page`."""
    session = _opened(installation, session_id, visitor)
    with acting_for(installation, session, visitor) as acting:
        row = acting.session.get(Connection, connection_id)
        if row is None or row.reference != session.reference:
            raise FlowRefused(Refusal.REQUEST_INVALID)
        revoke(acting, row.id)


def _opened(installation: Installation, session_id: str, visitor: Visitor) -> ConnectSession:
    with installation.database.system_session() as system:
        session = system.get(ConnectSession, session_id)
    if session is None or session.app_credentials_id is not None or session.opened_at is None:
        raise FlowRefused(Refusal.SESSION_UNKNOWN)
    require_browser(session.browser_digest, visitor)
    if session.expires_at <= installation.now():
        raise FlowRefused(Refusal.SESSION_EXPIRED)
    return session


def _is_by_browser(installation: Installation, app: AppCredentials) -> bool:
    provider = installation.provider(app.provider)
    if provider is None or provider.oauth is None:
        return False
    return provider.oauth.kind == "oauth1" or BY_BROWSER in provider.oauth.grants


def _offer(
    installation: Installation, app: AppCredentials, others: Sequence[AppCredentials], connections: Sequence[Connection]
) -> Offer:
    accounts = [
        ConnectedAccount(one.id, one.account_label or one.account_id or one.id, ConnectionState(one.state))
        for one in connections
        if one.app_credentials_id == app.id
    ]
    is_ambiguous = sum(one.provider == app.provider for one in others) > 1
    return Offer(app.id, app.name, provider_name(installation, app.provider), accounts, is_ambiguous)
