"""Tokens that app credentials get by themselves, as a client or a service account: the first proves that they can."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress

from gateway.errors import InvalidInput
from gateway.installation import Installation
from gateway.oauth.adding.errors import CredentialsRefused, TrialFailed
from gateway.oauth.calling.auth import FixedToken
from gateway.oauth.calling.plan import plan_by_token
from gateway.oauth.protocol import tokens as requests
from gateway.oauth.protocol.account import read_account
from gateway.oauth.protocol.endpoints import endpoints
from gateway.oauth.protocol.errors import ProviderError, ProviderRefused
from gateway.oauth.protocol.http import http_of
from gateway.oauth.protocol.known import known_of
from gateway.oauth.protocol.sockets import sockets_of
from gateway.oauth.protocol.values import AccountFacts, App, Tokens
from gateway.oauth.trying.attempt import Trial
from gateway.oauth.trying.token import try_token
from gateway.providers import Provider


def first_token(installation: Installation, app: App, way: str, scopes: Sequence[str]) -> Tokens:
    """The first token. Raises `CredentialsRefused`, `TrialFailed`, `InvalidInput` for a key that cannot sign."""
    http, clock = http_of(installation), installation.clock
    try:
        where = endpoints(app, http, clock)
        obtain = requests.client_credentials if way == "client_credentials" else requests.jwt_bearer
        return obtain(app, where, http, scopes=scopes, now_us=clock.now_us())
    except ProviderRefused as error:
        raise CredentialsRefused(f"{app.provider} gives no token: {error}") from error
    except ProviderError as error:
        raise TrialFailed(f"{app.provider} could not be asked for a token: {error}") from error


def account_of(
    installation: Installation, app: App, tokens: Tokens, way: str, parameters: Mapping[str, str]
) -> AccountFacts:
    """Whose account it is, as the provider says, else the app's own: the same app and parameters are one account."""
    found = AccountFacts()
    http, clock = http_of(installation), installation.clock
    with suppress(ProviderError):
        where = endpoints(app, http, clock)
        sockets = sockets_of(installation)
        found = read_account(app, where, tokens, http, sockets=sockets, now_us=clock.now_us())
    if found.key is not None:
        return found
    return AccountFacts(key=f"{way} {json.dumps(sorted(parameters.items()))}")


def try_first_token(installation: Installation, provider: Provider, app: App, tokens: Tokens) -> Trial:
    """Whether the API takes the token. Raises `InvalidInput` where the entry names what such a token does not have."""
    source = FixedToken(tokens.access_token)
    values = {name: value for name, value in known_of(app, tokens).items() if name != "access_token"}
    plan = plan_by_token(provider, app.oauth, values, {}, source)
    return try_token(installation, provider, app, plan, source, sealed={}, kept=tokens.kept, account=AccountFacts())


def require_grant(provider: Provider, app: App, way: str) -> None:
    """Raise `InvalidInput` for an app of another provider."""
    if app.provider != provider.id:
        message = f"the app credentials {app.name!r} are of {app.provider}, not of {provider.id}"
        raise InvalidInput.at("app_credentials", "mismatch", message)
    if way not in app.oauth.grants:
        raise InvalidInput.at("way", "not_allowed", f"{provider.id} has no grant {way}")
