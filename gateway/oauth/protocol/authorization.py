"""The URL to which a person is sent to agree: RFC 6749 (4.1.1), RFC 7636 (PKCE), RFC 9126 (pushed requests)."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256

from gateway.oauth.protocol import names, pushed
from gateway.oauth.protocol.encoding import url_with
from gateway.oauth.protocol.errors import ProviderAnswerInvalid
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
    now_us: int,
    extra: Mapping[str, str] = NOTHING,
) -> str:
    """Where the browser goes. `verifier` None: without PKCE; `nonce` is sent where an ID token is asked for.

    `extra` are parameters of this one login, such as `login_hint`: over the entry's, below what the flow stands on.
    Where requests are pushed, this one is. Raises `ProviderAnswerInvalid` where the provider has no such endpoint, and
    what `pushed.push` raises.
    """
    if endpoints.authorize is None:
        raise ProviderAnswerInvalid("the provider names no authorization endpoint, to which a person could be sent")
    parameters = authorization_parameters(
        app, endpoints, state=state, scopes=scopes, verifier=verifier, nonce=nonce, extra=extra
    )
    if endpoints.pushed is not None:
        parameters = pushed.push(app, endpoints, http, parameters, now_us=now_us)
    return url_with(endpoints.authorize, parameters)


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
