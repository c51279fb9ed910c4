"""To the provider: a flow is made, and the URL to which its browser is sent.

The flow is stored before the provider is asked anything, so that a provider that is away is on record too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.errors import DecryptionFailed, InvalidInput
from gateway.installation import Installation
from gateway.oauth.app_credentials.app import load_app
from gateway.oauth.flows.ending import ended, failure
from gateway.oauth.flows.one_time import digest, new_token
from gateway.oauth.flows.outcomes import Outcome
from gateway.oauth.flows.rows import BY_BROWSER, OAUTH1, acting_for, add_flow, keep_request_token, seal
from gateway.oauth.flows.steps import Ending, Leave, Visitor
from gateway.oauth.models import AppCredentials, Connection, ConnectSession, Flow
from gateway.oauth.protocol import oauth1
from gateway.oauth.protocol.authorization import OPENID, authorization_url, new_verifier
from gateway.oauth.protocol.endpoints import endpoints
from gateway.oauth.protocol.http import http_of
from gateway.oauth.protocol.values import App
from gateway.providers.oauth.model import Authorize, Grant, OAuth
from gateway.tenants.acting import Acting


@dataclass(frozen=True, slots=True)
class Departure:
    """A flow that is stored, and what goes with the browser or stays until it is back."""

    flow: Flow
    app: App
    state: str
    kept: Mapping[str, str | None]


def depart(
    acting: Acting,
    session: ConnectSession,
    visitor: Visitor,
    row: AppCredentials,
    parameters: Mapping[str, str],
    before: Connection | None = None,
) -> Departure | Ending:
    """A new flow by the app credentials `row`, in the transaction of `acting`; `parameters` are the customer's own,
    `before` is connected anew.
    """
    try:
        app = load_app(acting.session, acting.installation, row, parameters=parameters)
    except (InvalidInput, DecryptionFailed) as error:
        outcome = Outcome.PARAMETERS_INVALID if isinstance(error, InvalidInput) else Outcome.APP_CREDENTIALS_UNUSABLE
        return ended(
            acting, session, visitor, outcome, app_credentials_id=row.id, provider=row.provider, detail=str(error)
        )
    state, oauth = new_token(), app.oauth
    own = before.scopes_asked if before is not None and session.scopes is None else None
    scopes = chosen_scopes(session, row, oauth, BY_BROWSER) if own is None else list(own)
    kept = {
        "verifier": new_verifier() if oauth.authorize is not None and oauth.authorize.sends_pkce else None,
        "nonce": new_token() if oauth.kind == "oidc" and OPENID in scopes else None,
        "app": mark_of(app),
    }
    flow = add_flow(
        acting,
        session,
        visitor,
        app_credentials_id=row.id,
        provider=row.provider,
        kind=OAUTH1 if oauth.kind == "oauth1" else BY_BROWSER,
        state_digest=digest(state),
        kept=kept,
        reconnect_id=None if before is None else before.id,
        scopes=scopes,
        parameters=parameters,
    )
    return Departure(flow, app, state, kept)


def leave(
    installation: Installation, session: ConnectSession, visitor: Visitor, departure: Departure
) -> Leave | Ending:
    """Where the browser is sent; the provider may be asked before, outside of any transaction. Raises
    `StorageUnavailable`.
    """
    flow, app = departure.flow, departure.app
    try:
        if flow.kind == OAUTH1:
            return _leave_with_request_token(installation, session, visitor, departure)
        http = http_of(installation)
        url = authorization_url(
            app,
            endpoints(app, http, installation.clock),
            http,
            state=departure.state,
            scopes=flow.scopes,
            verifier=departure.kept["verifier"],
            nonce=departure.kept["nonce"],
            now_us=installation.clock.now_us(),
        )
    except Exception as error:
        return failure(installation, session, visitor, flow, error)
    return Leave(url)


def _leave_with_request_token(
    installation: Installation, session: ConnectSession, visitor: Visitor, departure: Departure
) -> Leave:
    """OAuth 1.0a: the provider makes what the browser carries, and a secret that stays here."""
    flow, app = departure.flow, departure.app
    pair = oauth1.request_token(app, http_of(installation), now_us=installation.clock.now_us())
    with acting_for(installation, session, visitor) as acting:
        sealed = seal(acting.keyring, flow, {"token": pair.token, "secret": pair.secret, "app": mark_of(app)})
        keep_request_token(acting.session, flow, state_digest=digest(pair.token), sealed=sealed)
    return Leave(oauth1.authorization_url(app, pair.token, scopes=flow.scopes))


def mark_of(app: App) -> str:
    """What is another one for another app, or another server: what comes back belongs to the app that asked. Pure."""
    told = json.dumps([app.provider, app.client_id, sorted(app.parameters.items())])
    return hashlib.sha256(told.encode()).hexdigest()


def chosen_scopes(session: ConnectSession, row: AppCredentials, oauth: OAuth, way: str) -> list[str]:
    """What is asked for: as the session says, else the app credentials, else the entry. Pure."""
    for chosen in (session.scopes, row.scopes):
        if chosen is not None:
            return list(chosen)
    grant = oauth.grants.get(way, Grant())
    return list(grant.scopes or (oauth.authorize or Authorize()).scopes)
