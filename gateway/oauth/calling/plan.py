"""Where the API of a connection is and what its calls carry, from the provider's entry and what was kept. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from gateway.clients.auth.base import Auth, Basic, TokenSource, Unauthenticated
from gateway.clients.auth.oauth1 import Method, OAuth1
from gateway.clients.described.parts import auth_of, base_url_of, headers_of, with_further
from gateway.errors import InvalidInput
from gateway.oauth.calling.auth import Along, HeaderToken
from gateway.oauth.vault import ACCESS_TOKEN
from gateway.providers import Provider
from gateway.providers.api.model import Api
from gateway.providers.oauth.model import ConnectedApi, OAuth
from gateway.providers.oauth.templates import SECRETS, filled, filled_all, named, url_of
from gateway.providers.ways import KEY

API_KEY, BASIC, OPEN, OAUTH1 = "api_key", "basic", "open", "oauth1"
KEY_WAYS = frozenset({API_KEY, BASIC, OPEN})
"""Ways without OAuth, and so without app credentials: what was given is what calls carry."""

TOKEN_SECRET = "token_secret"  # noqa: S105 (the name of a field)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPlan:
    """`base_url` None: the catalogue does not say where the API is. `headers` go with a call that has no others of
    these names; what is secret is `auth`'s matter. `signs_forms`: a signature is over what stands in a form.
    """

    base_url: str | None
    auth: Auth = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    signs_forms: bool = False


def plan_by_key(provider: Provider, way: str, parameters: Mapping[str, str], secrets: Mapping[str, str]) -> ApiPlan:
    """The plan of a key, a name with a password, or nothing. Raises `InvalidInput`, also for what cannot be sent."""
    api = provider.api
    if api is None:
        raise InvalidInput(f"nothing is known of how {provider.id} is called with a key")
    try:
        if way == OPEN:
            auth: Auth = Unauthenticated()
        elif way == BASIC:
            auth = Basic(secrets.get("username", ""), secrets.get("password", ""))
        else:
            auth = auth_of(api.credential, secrets.get(KEY, ""))
        further = {name: secrets[name] for name in api.credential.also if name in secrets}
        auth = with_further(auth, api.credential, further)
    except ValueError as error:
        raise InvalidInput.at(KEY, "malformed", str(error)) from error
    return ApiPlan(base_url=base_url_of(api, parameters), auth=auth, headers=headers_of(api, parameters))


def plan_by_token(
    provider: Provider,
    oauth: OAuth,
    values: Mapping[str, str],
    secrets: Mapping[str, str],
    source: TokenSource,
    *,
    app_key: str | None = None,
) -> ApiPlan:
    """The plan of a grant. `values` are those that templates name, but for the access token, which `source` gives.
    `app_key` is the app's private key, where it signs.

    Raises `InvalidInput` where something that was to be kept is not there.
    """
    connected = oauth.api
    auth: Auth
    if connected.is_signed:
        auth = _signing(oauth, values, secrets, app_key)
    else:
        before, _, after = connected.value.partition("{access_token}")
        known = {name: filled(text, values) for name, text in (("before", before), ("after", after))}
        if None in known.values():
            raise InvalidInput(f"a value is missing that calls to {provider.id} carry: connect the account again")
        auth = HeaderToken(source, header=connected.header, before=known["before"] or "", after=known["after"] or "")
    open_headers, secret_headers = _headers(provider.api, connected, values)
    query = filled_all(connected.query, values)
    if secret_headers or query:
        auth = Along(auth, headers=secret_headers, query=query)
    base_url = _base_url(provider, connected, values)
    return ApiPlan(base_url=base_url, auth=auth, headers=open_headers, signs_forms=connected.is_signed)


def _signing(oauth: OAuth, values: Mapping[str, str], secrets: Mapping[str, str], app_key: str | None) -> Auth:
    """What signs calls as the steps of the flow were signed (RFC 5849, 3.4)."""
    method = oauth.request_token.signature if oauth.request_token is not None else "HMAC-SHA1"
    try:
        return OAuth1(
            values["client_id"],
            values.get("client_secret", ""),
            token=secrets.get(ACCESS_TOKEN, ""),
            token_secret=secrets.get(TOKEN_SECRET, ""),
            method=cast(Method, method),
            rsa_key=app_key if method == "RSA-SHA1" else None,
        )
    except ValueError as error:
        raise InvalidInput(f"calls cannot be signed: the app credentials have no private key for {method}") from error


def _base_url(provider: Provider, connected: ConnectedApi, values: Mapping[str, str]) -> str | None:
    if connected.base_url is not None:
        if missing := sorted(set(named(connected.base_url)) - values.keys()):
            message = f"{', '.join(missing)} was not kept, and leads to the API of {provider.id}: connect it again"
            raise InvalidInput(message)
        return url_of(connected.base_url, values)
    api = provider.api
    return None if api is None else base_url_of(api, {name: values[name] for name in api.parameters if name in values})


def _headers(
    api: Api | None, connected: ConnectedApi, values: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Those to be seen, and those with a secret in them."""
    templates = {**(api.headers if api is not None else {}), **connected.headers}
    secret = {name for name, text in templates.items() if SECRETS & set(named(text))}
    sent = filled_all(templates, values)
    return (
        {name: text for name, text in sent.items() if name not in secret},
        {name: text for name, text in sent.items() if name in secret},
    )
