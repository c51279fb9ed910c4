"""Adding a connection without a browser: judged, tried at the provider, and stored when it works."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.clients.errors import IntegrationError
from gateway.errors import Conflict, InvalidInput
from gateway.installation import Installation
from gateway.oauth.adding.by_app import account_of, first_token, require_grant, try_first_token
from gateway.oauth.adding.draft import BY_KEY, ConnectionDraft, chosen_way, judged
from gateway.oauth.adding.errors import CredentialsRefused, TrialFailed
from gateway.oauth.app_credentials.app import load_app
from gateway.oauth.app_credentials.rows import require_app
from gateway.oauth.calling.plan import plan_by_key
from gateway.oauth.connections.store import change_state, create_or_update
from gateway.oauth.connections.summary import ConnectionSummary, summary
from gateway.oauth.models import AppCredentials
from gateway.oauth.protocol.values import AccountFacts, App, Tokens
from gateway.oauth.states import ConnectionState
from gateway.oauth.trying.attempt import Finding, Trial
from gateway.oauth.trying.key import try_key
from gateway.oauth.trying.management import NOT_ALLOWED, UNTESTED
from gateway.providers import Provider, find_provider
from gateway.tenants.acting import Acting, Transactions

WITHOUT_TEST = Trial(finding=Finding.UNTRIED, detail="it was stored without a test")


@dataclass(frozen=True, slots=True)
class AddedConnection:
    """A connection that was just stored, and what its trial saw."""

    connection: ConnectionSummary
    trial: Trial = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """A draft with what it means."""

    draft: ConnectionDraft
    provider: Provider
    way: str
    secrets: Mapping[str, str] = field(repr=False)
    parameters: Mapping[str, str]
    app: App | None = None
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proven:
    """What the provider said to it."""

    trial: Trial
    account: AccountFacts
    tokens: Tokens | None = None


def add_connection(begin: Transactions, draft: ConnectionDraft) -> AddedConnection:
    """Store a connection whose credentials the provider takes, or that is not to be tested.

    An account that is connected already keeps its connection, with these credentials. Raises `InvalidInput`,
    `NotFound`, `Conflict`, `AccountMismatch`, `CredentialsRefused`, `TrialFailed`.
    """
    with begin(write=False) as acting:
        installation, wanted = acting.installation, _judged(acting, draft)
    proven = _by_key(installation, wanted) if wanted.app is None else _by_app(installation, wanted, wanted.app)
    with begin() as acting:
        return AddedConnection(_stored(acting, wanted, proven), proven.trial)


def _judged(acting: Acting, draft: ConnectionDraft) -> _Judged:
    installation = acting.installation
    provider = find_provider(installation.catalogue, draft.provider)
    way = chosen_way(provider, draft)
    secrets, parameters = judged(provider, way, draft)
    if way.kind in BY_KEY:
        return _Judged(draft=draft, provider=provider, way=way.kind, secrets=secrets, parameters=parameters)
    row = require_app(acting.session, draft.app_credentials or "")
    if row.disabled_at is not None:
        raise Conflict(f"the app credentials {row.name!r} are disabled")
    app = load_app(acting.session, installation, row, parameters=parameters)
    require_grant(provider, app, way.kind)
    scopes = draft.scopes or row.scopes or app.oauth.grants[way.kind].scopes
    return _Judged(
        draft=draft,
        provider=provider,
        way=way.kind,
        secrets=secrets,
        parameters=parameters,
        app=app,
        scopes=tuple(scopes),
    )


def _by_key(installation: Installation, wanted: _Judged) -> _Proven:
    plan = plan_by_key(wanted.provider, wanted.way, wanted.parameters, wanted.secrets)
    trial = WITHOUT_TEST
    if wanted.draft.is_tested:
        try:
            trial = try_key(installation, wanted.provider, plan, wanted.parameters)
        except (IntegrationError, ValueError) as error:
            raise InvalidInput(f"these credentials cannot be sent: {error}") from error
        _require_good(wanted.provider, trial)
    name = wanted.secrets.get("username")
    if trial.account.key is None and name is not None:
        return _Proven(trial=trial, account=AccountFacts(id=name, label=name, key=f"username:{name}"))
    return _Proven(trial=trial, account=trial.account)


def _by_app(installation: Installation, wanted: _Judged, app: App) -> _Proven:
    if not wanted.draft.is_tested:
        raise InvalidInput.at("test", "not_taken", "this way is tested by getting its first token")
    tokens = first_token(installation, app, wanted.way, wanted.scopes)
    trial = try_first_token(installation, wanted.provider, app, tokens)
    if trial.finding is Finding.REFUSED:
        _require_good(wanted.provider, trial)
    # The provider gave the token; that it does not let an app ask whose it is says nothing against it.
    if trial.finding is not Finding.WORKS:
        trial = Trial(finding=Finding.WORKS, duration_ms=trial.duration_ms)
    account = account_of(installation, app, tokens, wanted.way, wanted.parameters)
    return _Proven(trial=trial, account=account, tokens=tokens)


def _require_good(provider: Provider, trial: Trial) -> None:
    if trial.finding is Finding.REFUSED:
        raise CredentialsRefused(f"{provider.id} does not take these credentials: {trial.detail}")
    if trial.finding is Finding.UNCLEAR:
        message = f"whether {provider.id} takes these credentials could not be seen: {trial.detail}"
        raise TrialFailed(f"{message}. Try again, or store them without a test")


def _stored(acting: Acting, wanted: _Judged, proven: _Proven) -> ConnectionSummary:
    row: AppCredentials | None = None
    if wanted.app is not None:
        row = require_app(acting.session, wanted.app.id)
    connection, _ = create_or_update(
        acting.session,
        acting.keyring,
        acting.installation,
        tenant_id=acting.tenant.id,
        app=row,
        provider=wanted.provider.id,
        way=wanted.way,
        tokens=proven.tokens,
        secrets=wanted.secrets,
        account=proven.account,
        scopes_asked=wanted.scopes,
        parameters=wanted.parameters,
        kept={},
        reference=wanted.draft.reference,
        reconnect_id=wanted.draft.reconnect,
        now=acting.now,
    )
    trial = proven.trial
    if trial.finding is Finding.UNTRIED:
        connection.reason, connection.detail = UNTESTED, trial.detail
    if trial.finding is Finding.NOT_ALLOWED:
        change_state(
            acting.session,
            acting.installation,
            connection,
            ConnectionState.DEGRADED,
            reason=NOT_ALLOWED,
            detail=trial.detail,
            now=acting.now,
        )
    acting.session.flush()
    found = summary(acting.session, connection)
    acting.audit("connection.connected", connection.id, found.name, after=found)
    return found
