"""Back from the provider: the callback's flow is used up, its code exchanged, the account stored.

    read ─ find by state ─ browser, provider, app credentials, time ─ use up (one statement, committed)
         ─ the callback's own proof ─ exchange ─ ID token ─ (choice) ─ account ─ store with event and audit, or nothing

Between the two transactions nothing is held. A process that is killed there leaves a flow that was interrupted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.errors import GatewayError, InvalidInput
from gateway.installation import Installation
from gateway.oauth.app_credentials.app import entry_of, load_app
from gateway.oauth.flows.departing import mark_of
from gateway.oauth.flows.ending import DENIALS, failure
from gateway.oauth.flows.grants import Grant, from_data
from gateway.oauth.flows.one_time import digest, digest_of_given
from gateway.oauth.flows.outcomes import Outcome, Refusal
from gateway.oauth.flows.rows import CHOICE, OAUTH1, PARAMETERS, acting_for, find_flow, opened, use_flow
from gateway.oauth.flows.settling import Arrived, settle, store
from gateway.oauth.flows.steps import AskChoice, Ending, FlowRefused, Visitor
from gateway.oauth.models import AppCredentials, ConnectSession, Flow
from gateway.oauth.protocol import oauth1
from gateway.oauth.protocol.after import with_option
from gateway.oauth.protocol.callbacks import CallbackFacts, check_callback, read_callback
from gateway.oauth.protocol.endpoints import endpoints
from gateway.oauth.protocol.errors import ProviderRefused
from gateway.oauth.protocol.http import http_of
from gateway.oauth.protocol.id_tokens import verified_claims
from gateway.oauth.protocol.tokens import exchange_code
from gateway.oauth.protocol.values import App, Tokens
from gateway.providers.oauth.hosts import chooses_server
from gateway.providers.oauth.model import OAuth


def arrive(
    installation: Installation, provider_id: str, app_credentials_id: str | None, query: bytes, visitor: Visitor
) -> AskChoice | Ending:
    """A callback, at the URL of `provider_id` or of these app credentials of it. Raises `FlowRefused`, and
    `StorageUnavailable` where nothing was used up.
    """
    oauth = _oauth_of(installation, provider_id)
    facts = read_callback(oauth, query)
    if facts.state is None:
        raise FlowRefused(Refusal.STATE_UNKNOWN)
    flow, session = find_flow(installation, digest(facts.state), visitor)
    _require_callback_of(oauth, flow, provider_id, app_credentials_id)
    held = opened(installation.keyring, flow)
    app = _used_up(installation, session, flow, visitor)
    if isinstance(app, Ending):
        return app
    # Flows of a version before have no mark.
    if held.get("app", mark_of(app)) != mark_of(app):
        changed = InvalidInput("the app credentials became another app's while the customer was at the provider")
        outcome = Outcome.APP_CREDENTIALS_UNUSABLE
        return failure(installation, session, visitor, flow, changed, outcome=outcome)
    try:
        return _exchanged(installation, session, flow, visitor, app, facts, held)
    except Exception as error:
        return failure(installation, session, visitor, flow, error)


def choose(
    installation: Installation, provider_id: str, token: str | None, key: str | None, visitor: Visitor
) -> Ending:
    """Go on with the option that the customer chose. Raises as `arrive`."""
    flow, session = find_flow(installation, digest_of_given(token), visitor)
    if flow.kind != CHOICE or flow.provider != provider_id:
        raise FlowRefused(Refusal.PROVIDER_MISMATCH)
    grant, options = from_data(opened(installation.keyring, flow))
    option = next((one for one in options if one.key == key), None)
    if option is None:
        raise FlowRefused(Refusal.REQUEST_INVALID)
    app = _used_up(installation, session, flow, visitor)
    if isinstance(app, Ending):
        return app
    try:
        http = http_of(installation)
        found = endpoints(app, http, installation.clock, kept=grant.kept)
        chosen = replace(grant, tokens=with_option(grant.tokens, option))
        return store(Arrived(installation, session, flow, visitor, app, found, http), chosen)
    except Exception as error:
        return failure(installation, session, visitor, flow, error)


def _oauth_of(installation: Installation, provider_id: str) -> OAuth:
    try:
        return entry_of(installation, provider_id)[1]
    except InvalidInput:
        raise FlowRefused(Refusal.STATE_UNKNOWN) from None


def _require_callback_of(oauth: OAuth, flow: Flow, provider_id: str, app_credentials_id: str | None) -> None:
    """Raise where this callback is not the one that the provider was told (RFC 9700, 4.4)."""
    expected = flow.app_credentials_id if chooses_server(oauth) else None
    if flow.provider != provider_id or app_credentials_id != expected or flow.kind in (PARAMETERS, CHOICE):
        raise FlowRefused(Refusal.PROVIDER_MISMATCH)


def _used_up(installation: Installation, session: ConnectSession, flow: Flow, visitor: Visitor) -> App | Ending:
    """The app of the flow, which from here on is nobody else's."""
    with acting_for(installation, session, visitor) as acting:
        use_flow(acting, flow, Outcome.INTERRUPTED)
        try:
            row = acting.session.get(AppCredentials, flow.app_credentials_id)
            if row is None or row.disabled_at is not None:
                raise InvalidInput("the app credentials were removed, or are disabled")
            return load_app(acting.session, installation, row, parameters=flow.parameters)
        except GatewayError as error:
            unusable = error
    return failure(installation, session, visitor, flow, unusable, outcome=Outcome.APP_CREDENTIALS_UNUSABLE)


def _exchanged(
    installation: Installation,
    session: ConnectSession,
    flow: Flow,
    visitor: Visitor,
    app: App,
    facts: CallbackFacts,
    held: Mapping[str, Any],
) -> AskChoice | Ending:
    http = http_of(installation)
    found = endpoints(app, http, installation.clock, kept=facts.kept)
    try:
        code = check_callback(app, found, facts)
    except ProviderRefused as refused:
        outcome = None if refused.error in DENIALS else Outcome.PROVIDER_ERROR
        return failure(installation, session, visitor, flow, refused, outcome=outcome)
    arrived = Arrived(installation, session, flow, visitor, app, found, http)
    if flow.kind == OAUTH1:
        return settle(arrived, _by_request_token(arrived, code, held, facts))
    return settle(arrived, _by_code(arrived, code, held, facts))


def _by_code(arrived: Arrived, code: str, held: Mapping[str, Any], facts: CallbackFacts) -> Grant:
    app, http, clock = arrived.app, arrived.http, arrived.installation.clock
    tokens = exchange_code(
        app, arrived.endpoints, http, code=code, verifier=held["verifier"], kept=facts.kept, now_us=clock.now_us()
    )
    claims = verified_claims(app, arrived.endpoints, http, clock, tokens=tokens, nonce=held["nonce"])
    return Grant(tokens=_with_facts(tokens, facts), kept=dict(facts.kept), claims=claims)


def _by_request_token(arrived: Arrived, verifier: str, held: Mapping[str, Any], facts: CallbackFacts) -> Grant:
    tokens, secret = oauth1.access_token(
        arrived.app,
        arrived.http,
        request=oauth1.TokenPair(token=held["token"], secret=held["secret"]),
        verifier=verifier,
        now_us=arrived.installation.clock.now_us(),
    )
    return Grant(tokens=_with_facts(tokens, facts), kept=dict(facts.kept), token_secret=secret)


def _with_facts(tokens: Tokens, facts: CallbackFacts) -> Tokens:
    """`tokens` with what the callback alone told."""
    return replace(
        tokens,
        scopes=facts.scopes if tokens.scopes is None else tokens.scopes,
        secret_kept={**facts.secret_kept, **tokens.secret_kept},
    )
