"""The URL to which a person is sent to agree: RFC 6749 (4.1.1), RFC 7636 (PKCE)."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from urllib.parse import quote, urlencode

from gateway.oauth.protocol import names
from gateway.oauth.protocol.http import Http
from gateway.oauth.protocol.scopes import asked_for, by_parameter
from gateway.oauth.protocol.values import App, Endpoints
from gateway.providers.oauth.model import Authorize
from gateway.providers.oauth.templates import filled_all

OPENID = "openid"
NOTHING: Mapping[str, str] = {}


def new_verifier() -> str:
    """A PKCE verifier: 43 characters, 256 bits (RFC 7636, 4.1). For entries whose `authorize.sends_pkce`."""
    return secrets.token_urlsafe(32)


def challenge(verifier: str) -> str:
    """The S256 challenge of `verifier` (RFC 7636, 4.2)."""
    return urlsafe_b64encode(sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode("ascii")


def authorization_url(
    app: App,
    endpoints: Endpoints,
    http: Http,
    *,
    state: str,
    scopes: Iterable[str],
    verifier: str | None,
    nonce: str | None,
    extra: Mapping[str, str] = NOTHING,
) -> str:
    """Where the browser goes. `verifier` None: without PKCE; `nonce` is sent where an ID token is asked for.

    `extra` are parameters of this one login, such as `login_hint`: over the entry's, below what the flow stands on.
    Raises `ValueError` where the provider has no such endpoint.
    """
    if endpoints.authorize is None:
        raise ValueError(f"{app.provider} has no authorization endpoint")
    parameters = authorization_parameters(
        app, endpoints, state=state, scopes=scopes, verifier=verifier, nonce=nonce, extra=extra
    )
    # Pushed requests (RFC 9126) go by `http`.
    return joined(endpoints.authorize, parameters)


def authorization_parameters(
    app: App,
    endpoints: Endpoints,
    *,
    state: str,
    scopes: Iterable[str],
    verifier: str | None,
    nonce: str | None,
    extra: Mapping[str, str] = NOTHING,
) -> dict[str, str]:
    """The parameters of the request, in the order in which they stand in the URL. Pure."""
    oauth, known = app.oauth, names.at_start(app)
    authorize = oauth.authorize or Authorize()
    asked = asked_for(oauth, endpoints, scopes)
    standard = {
        "response_type": "code",
        authorize.client_id_parameter: known["client_id"],
        "redirect_uri": known["redirect_uri"],
        **by_parameter(authorize, asked),
        "state": state,
    }
    if verifier is not None:
        standard |= {"code_challenge": challenge(verifier), "code_challenge_method": "S256"}
    if nonce is not None and OPENID in asked:
        standard["nonce"] = nonce
    own = filled_all(authorize.parameters, known)
    needed = filled_all(oauth.refresh.needs.parameters, known) if oauth.refresh.is_possible else {}
    # Scopes are in `standard`, so that nothing in `extra` moves what the flow will compare.
    others = {name: value for name, value in {**needed, **own, **extra}.items() if name not in standard}
    return {name: value for name, value in {**standard, **others}.items() if name not in authorize.omit}


def joined(url: str, parameters: Mapping[str, str]) -> str:
    """`url`, which may have a query of its own (RFC 6749, 3.1), with `parameters`."""
    query = urlencode(parameters, quote_via=quote, safe="")
    return f"{url}{'&' if '?' in url else '?'}{query}" if query else url
