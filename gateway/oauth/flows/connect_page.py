"""The connect page: a customer of the application sees what can be connected, and what is, and changes it.

A connect session without app credentials opens it. From then on the browser's cookie is what opens it, so that its URL
holds nothing that is secret.

An embedded page is in a frame of the application. Its cookie is of that frame alone (CHIPS), and the way to a provider
is at the top level, where browsers do not send it: there, what the page's own form carries says whose page it is.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from gateway.installation import Installation
from gateway.oauth.ending.revoking import revoke
from gateway.oauth.flows.ending import provider_name
from gateway.oauth.flows.one_time import digest, digest_of_given
from gateway.oauth.flows.opening import Step, start
from gateway.oauth.flows.outcomes import Outcome, Refusal
from gateway.oauth.flows.rows import (
    BY_BROWSER,
    acting_for,
    find_session,
    judge_return,
    require_browser,
    use_session,
)
from gateway.oauth.flows.sessions.states import outcome_of
from gateway.oauth.flows.steps import FlowRefused, Visitor, Wish
from gateway.oauth.models import AppCredentials, Connection, ConnectSession, Flow
from gateway.oauth.states import ConnectionState
from gateway.tenants.models import Tenant

LIFETIME = timedelta(hours=1)
MOST_APPS = 100
"""As many as are shown."""


@dataclass(frozen=True, slots=True)
class ConnectedAccount:
    """A connection of the customer."""

    id: str
    label: str | None
    """None where the provider names no account."""
    state: ConnectionState
    connected_at: datetime

    @property
    def is_broken(self) -> bool:
        """Whether it has to be connected again."""
        return self.state is ConnectionState.NEEDS_REAUTH


@dataclass(frozen=True, slots=True)
class Offer:
    """App credentials by which an account can be connected, and the accounts that are."""

    app_credentials_id: str
    name: str
    provider: str
    accounts: Sequence[ConnectedAccount]
    is_ambiguous: bool
    """Whether others have the same provider, so that the name is needed."""


@dataclass(frozen=True, slots=True)
class ConnectPage:
    """What is shown. `outcome` and `provider` tell of the last flow, None where there was none. `origins` are those
    whose pages may frame an embedded one.
    """

    session_id: str
    offers: Sequence[Offer]
    outcome: str | None
    provider: str | None
    return_to: str | None
    theme: Mapping[str, str]
    is_embedded: bool
    origins: Sequence[str]


def open_page(
    installation: Installation, token: str | None, visitor: Visitor, *, embedded_form: str | None = None
) -> str:
    """Use up the session of `token` for this browser; its id, by which the page is found from then on.

    `embedded_form` is what the forms of an embedded page carry, None for a page that is not.

    Raises `FlowRefused`, `StorageUnavailable`.
    """
    session = find_session(installation, digest_of_given(token))
    is_other = session.is_embedded is not (embedded_form is not None)
    if session.app_credentials_id is not None or is_other:
        raise FlowRefused(Refusal.PROVIDER_MISMATCH)
    with acting_for(installation, session, visitor) as acting:
        form = None if embedded_form is None else digest(embedded_form)
        use_session(acting, session, visitor, form_digest=form)
        row = acting.session.get_one(ConnectSession, session.id)
        row.expires_at = acting.now + LIFETIME
    return session.id


def show_page(
    installation: Installation, session_id: str, visitor: Visitor, *, is_embedded: bool = False
) -> ConnectPage:
    """The page of a session that this browser opened. Raises `FlowRefused`, `StorageUnavailable`."""
    session = _of_browser(installation, session_id, visitor, is_embedded=is_embedded)
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
        owner = tenant.get_one(Tenant, session.tenant_id)
        flows = tenant.scalars(select(Flow).where(Flow.session_id == session_id).order_by(Flow.id)).all()
    shown = [app for app in apps if _is_by_browser(installation, app)]
    offers = [_offer(installation, app, shown, connections) for app in shown]
    ended = outcome_of(flows, installation.now())
    if (
        ended is not None
        and ended.outcome == Outcome.CONNECTED
        and ended.connection_id not in {one.id for one in connections}
    ):
        # It has ended since.
        ended = None
    return ConnectPage(
        session_id,
        offers,
        None if ended is None else ended.outcome,
        None if ended is None else provider_name(installation, ended.provider),
        session.return_to,
        session.theme,
        is_embedded,
        tuple(owner.return_origins) if is_embedded else (),
    )


def start_from_page(installation: Installation, session_id: str, wish: Wish, visitor: Visitor) -> Step:
    """Send the browser on its way to connect an account. Raises as `show_page`."""
    return _start(installation, _of_browser(installation, session_id, visitor, is_embedded=False), wish, visitor)


def start_from_embedded(
    installation: Installation, session_id: str, wish: Wish, visitor: Visitor, form: str | None
) -> Step:
    """The same at the top level, for a page in a frame: `form` is what its form carried. Raises as `show_page`."""
    session = _opened(installation, session_id, is_embedded=True)
    if session.form_digest is None or form is None or not hmac.compare_digest(session.form_digest, digest(form)):
        raise FlowRefused(Refusal.BROWSER_UNKNOWN)
    _require_time(installation, session)
    return _start(installation, session, wish, visitor)


def disconnect(
    installation: Installation, session_id: str, connection_id: str, visitor: Visitor, *, is_embedded: bool = False
) -> None:
    """End a connection of this customer. Raises as `show_page`."""
    session = _of_browser(installation, session_id, visitor, is_embedded=is_embedded)
    with acting_for(installation, session, visitor) as acting:
        row = acting.session.get(Connection, connection_id)
        if row is None or row.reference != session.reference:
            raise FlowRefused(Refusal.REQUEST_INVALID)
        revoke(acting, row.id)


def _start(installation: Installation, session: ConnectSession, wish: Wish, visitor: Visitor) -> Step:
    if wish.reconnect_id is None:
        return start(installation, session, wish.app_credentials_id or "", visitor)
    with installation.database.tenant_session(session.tenant_id) as tenant:
        before = tenant.get(Connection, wish.reconnect_id)
    is_theirs = before is not None and before.reference == session.reference
    if before is None or not is_theirs or before.app_credentials_id is None or before.revoked_at is not None:
        raise FlowRefused(Refusal.REQUEST_INVALID)
    return start(installation, session, before.app_credentials_id, visitor, before)


def _of_browser(installation: Installation, session_id: str, visitor: Visitor, *, is_embedded: bool) -> ConnectSession:
    session = _opened(installation, session_id, is_embedded=is_embedded)
    require_browser(session.browser_digest, visitor)
    _require_time(installation, session)
    return session


def _opened(installation: Installation, session_id: str, *, is_embedded: bool) -> ConnectSession:
    with installation.database.system_session() as system:
        session = system.get(ConnectSession, session_id)
        judge_return(system, session)
    is_page = session is not None and session.app_credentials_id is None and session.is_embedded is is_embedded
    if session is None or not is_page or session.opened_at is None:
        raise FlowRefused(Refusal.SESSION_UNKNOWN)
    return session


def _require_time(installation: Installation, session: ConnectSession) -> None:
    if session.expires_at <= installation.now():
        raise FlowRefused(Refusal.SESSION_EXPIRED)


def _is_by_browser(installation: Installation, app: AppCredentials) -> bool:
    provider = installation.provider(app.provider)
    if provider is None or provider.oauth is None:
        return False
    return provider.oauth.kind == "oauth1" or BY_BROWSER in provider.oauth.grants


def _offer(
    installation: Installation, app: AppCredentials, others: Sequence[AppCredentials], connections: Sequence[Connection]
) -> Offer:
    accounts = [
        ConnectedAccount(one.id, one.account_label or one.account_id, ConnectionState(one.state), one.connected_at)
        for one in connections
        if one.app_credentials_id == app.id
    ]
    is_ambiguous = sum(one.provider == app.provider for one in others) > 1
    return Offer(app.id, app.name, provider_name(installation, app.provider), accounts, is_ambiguous)
