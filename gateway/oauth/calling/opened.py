"""A connection as it is read for calls: its row, its secrets and its app, made into a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from gateway.clients.auth.base import TokenSource
from gateway.errors import InvalidInput
from gateway.installation import Installation
from gateway.oauth import vault
from gateway.oauth.app_credentials.app import load_app
from gateway.oauth.calling.plan import KEY_WAYS, ApiPlan, plan_by_key, plan_by_token
from gateway.oauth.connections.rows import SECOND_ACCESS_TOKEN, SECOND_REFRESH_TOKEN
from gateway.oauth.models import AppCredentials, Connection
from gateway.oauth.protocol.known import known
from gateway.oauth.protocol.values import AccountFacts, App
from gateway.providers import Provider
from gateway.providers.oauth.model import OAuth

_RENEWED = frozenset({vault.ACCESS_TOKEN, vault.REFRESH_TOKEN, SECOND_ACCESS_TOKEN, SECOND_REFRESH_TOKEN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A connection with what calls carry. `app` is None for a way without; `sealed` are its secrets beside tokens that
    are renewed. `seen` differs whenever any of it may have changed.
    """

    id: str
    tenant_id: str
    provider: Provider
    way: str
    app: App | None
    parameters: Mapping[str, str]
    kept: Mapping[str, str]
    account: AccountFacts
    sealed: Mapping[str, str] = field(repr=False)
    plan: ApiPlan = field(repr=False)
    seen: tuple[object, ...]

    @property
    def oauth(self) -> OAuth | None:
        """How it was connected, None for a way without."""
        return None if self.app is None else self.app.oauth


def seen_of(session: Session, row: Connection) -> tuple[object, ...]:
    """What moves with every change of the connection that matters to calls, but for its access token."""
    app = None if row.app_credentials_id is None else session.get(AppCredentials, row.app_credentials_id)
    return row.connected_at, row.revoked_at, row.parameters, row.kept, None if app is None else app.updated_at


def open_connection(session: Session, installation: Installation, row: Connection, source: TokenSource) -> Opened:
    """`row` opened; `source` gives its access tokens.

    Raises `InvalidInput` where entry, app or kept values do not lead to an API; `DecryptionFailed`.
    """
    provider = installation.provider(row.provider)
    if provider is None:
        raise InvalidInput(f"the catalogue has no provider {row.provider!r} any more")
    secrets = vault.read(session, installation.keyring, row.id)
    app, sealed = None, {field: value for field, value in secrets.items() if field not in _RENEWED}
    if row.way in KEY_WAYS:
        plan = plan_by_key(provider, row.way, row.parameters, secrets)
    else:
        app = _app_of(session, installation, row)
        values = known(app, kept=row.kept, secrets=sealed, account_id=row.account_id)
        plan = plan_by_token(provider, app.oauth, values, secrets, source, app_key=app.secrets.get(vault.PRIVATE_KEY))
    return Opened(
        id=row.id,
        tenant_id=row.tenant_id,
        provider=provider,
        way=row.way,
        app=app,
        parameters=row.parameters,
        kept=row.kept,
        account=AccountFacts(id=row.account_id, label=row.account_label),
        sealed=sealed,
        plan=plan,
        seen=seen_of(session, row),
    )


def _app_of(session: Session, installation: Installation, row: Connection) -> App:
    app = None if row.app_credentials_id is None else session.get(AppCredentials, row.app_credentials_id)
    if app is None:
        raise InvalidInput("the app credentials of this connection were removed")
    return load_app(session, installation, app, parameters=row.parameters)
