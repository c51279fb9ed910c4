"""Adding a connection without a browser: judged, tried at the provider, and stored when it works."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.clients.errors import IntegrationError
from gateway.errors import GatewayError, InvalidInput
from gateway.installation import Installation
from gateway.oauth.adding.draft import ConnectionDraft, chosen_way, judged
from gateway.oauth.calling.plan import plan_by_key
from gateway.oauth.connections.store import change_state, create_or_update
from gateway.oauth.connections.summary import ConnectionSummary, summary
from gateway.oauth.protocol.http import http_of
from gateway.oauth.protocol.values import AccountFacts
from gateway.oauth.states import ConnectionState
from gateway.oauth.trying.attempt import Finding, Trial, attempt, judge_for
from gateway.oauth.trying.management import NOT_ALLOWED, UNTESTED
from gateway.oauth.trying.request import request_of_key
from gateway.providers import Provider, find_provider
from gateway.tenants.acting import Acting, Transactions

WITHOUT_TEST = Trial(finding=Finding.UNTRIED, detail="it was stored without a test")


class CredentialsRefused(GatewayError):
    """The provider does not take what was given; nothing was stored."""

    code = "credentials_refused"
    http_status = 422


class TrialFailed(GatewayError):
    """Nobody can say whether what was given is good; nothing was stored."""

    code = "connection_trial_failed"
    http_status = 502
    retryable = True


@dataclass(frozen=True, slots=True)
class AddedConnection:
    """A connection that was just stored, and what its trial saw."""

    connection: ConnectionSummary
    trial: Trial = field(repr=False)


def add_connection(begin: Transactions, draft: ConnectionDraft) -> AddedConnection:
    """Store a connection whose credentials the provider takes, or that is not to be tested.

    An account that is connected already keeps its connection, with these credentials. Raises `InvalidInput`,
    `NotFound`, `Conflict`, `AccountMismatch`, `CredentialsRefused`, `TrialFailed`.
    """
    with begin(write=False) as acting:
        installation = acting.installation
        provider = find_provider(installation.catalogue, draft.provider)
        way = chosen_way(provider, draft)
        secrets, parameters = judged(provider, way, draft)
    trial = _tried(installation, provider, way.kind, parameters, secrets) if draft.is_tested else WITHOUT_TEST
    _require_good(provider, trial)
    with begin() as acting:
        return AddedConnection(_stored(acting, provider, way.kind, draft, parameters, secrets, trial), trial)


def _tried(
    installation: Installation, provider: Provider, way: str, parameters: Mapping[str, str], secrets: Mapping[str, str]
) -> Trial:
    plan = plan_by_key(provider, way, parameters, secrets)
    call = request_of_key(provider, parameters)
    if call is None:
        return Trial(finding=Finding.UNTRIED, detail="the catalogue has no request that would tell whether it works")
    try:
        return attempt(
            http_of(installation),
            plan,
            call,
            judge=judge_for(provider),
            oauth=provider.oauth,
            clock=installation.clock,
        )
    except (IntegrationError, ValueError) as error:
        raise InvalidInput(f"these credentials cannot be sent: {error}") from error


def _require_good(provider: Provider, trial: Trial) -> None:
    if trial.finding is Finding.REFUSED:
        raise CredentialsRefused(f"{provider.id} does not take these credentials: {trial.detail}")
    if trial.finding is Finding.UNCLEAR:
        message = f"whether {provider.id} takes these credentials could not be seen: {trial.detail}"
        raise TrialFailed(f"{message}. Try again, or store them without a test")


def _stored(
    acting: Acting,
    provider: Provider,
    way: str,
    draft: ConnectionDraft,
    parameters: Mapping[str, str],
    secrets: Mapping[str, str],
    trial: Trial,
) -> ConnectionSummary:
    connection, _ = create_or_update(
        acting.session,
        acting.keyring,
        acting.installation,
        tenant_id=acting.tenant.id,
        app=None,
        provider=provider.id,
        way=way,
        tokens=None,
        secrets=secrets,
        account=_account(trial, secrets),
        scopes_asked=(),
        parameters=parameters,
        kept={},
        reference=draft.reference,
        reconnect_id=draft.reconnect,
        now=acting.now,
    )
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


def _account(trial: Trial, secrets: Mapping[str, str]) -> AccountFacts:
    name = secrets.get("username")
    if trial.account.key is not None or name is None:
        return trial.account
    return AccountFacts(id=name, label=name, key=f"username:{name}")
