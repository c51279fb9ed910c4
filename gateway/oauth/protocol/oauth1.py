"""The three steps of OAuth 1.0a (RFC 5849): a request token, the person's agreement, an access token.

There is no state: the callback carries the request token, which stands in for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl

from gateway.clients.values import Call
from gateway.deferred import deferred
from gateway.oauth.protocol import names
from gateway.oauth.protocol.encoding import url_with
from gateway.oauth.protocol.errors import ProviderAnswerInvalid, ProviderRefused
from gateway.oauth.protocol.http import Http, HttpRequest, require_served
from gateway.oauth.protocol.scopes import by_parameter
from gateway.oauth.protocol.values import App, Tokens
from gateway.providers.oauth.model import Authorize, RequestToken
from gateway.providers.oauth.templates import filled_all, url_of

if TYPE_CHECKING:
    from gateway.clients.auth.oauth1 import Method, OAuth1

# Loads Authlib, which few providers need.
_signing = deferred("gateway.clients.auth.oauth1")

MAX_TOKEN = 4 * 1024
MAX_FIELDS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPair:
    """A token with its secret, and what else the answer said, without them."""

    token: str = field(repr=False)
    secret: str = field(repr=False)
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)


def signer(
    app: App, *, token: str = "", token_secret: str = "", callback: str | None = None, verifier: str | None = None
) -> OAuth1:
    """What signs requests of `app`, for the account of `token` where there is one."""
    step = app.oauth.request_token or RequestToken("")
    made: OAuth1 = _signing.OAuth1(
        app.client_id,
        app.client_secret or "",
        token=token,
        token_secret=token_secret,
        method=cast("Method", step.signature),
        rsa_key=app.secrets.get("private_key") if step.signature == "RSA-SHA1" else None,
        callback=callback,
        verifier=verifier,
    )
    return made


def request_token(app: App, http: Http, *, now_us: int) -> TokenPair:
    """The token with which a person is sent to the provider; its secret is the flow's.

    Raises `ProviderRefused`, `ProviderUnavailable`, `ProviderAnswerInvalid`.
    """
    known = names.at_start(app)
    if app.oauth.request_token is None:
        raise ValueError(f"{app.provider} has no request tokens")
    url = url_of(app.oauth.request_token.url, known)
    pair = _asked(app, http, url, signer(app, callback=known["redirect_uri"]), now_us=now_us)
    if pair.fields.get("oauth_callback_confirmed") != "true":
        # Without it anybody's callback would be taken (the hole that 1.0a closed).
        raise ProviderAnswerInvalid("the provider does not confirm the callback's URL, as OAuth 1.0a wants")
    return pair


def authorization_url(app: App, token: str, *, scopes: Iterable[str]) -> str:
    """Where the browser goes with the request token."""
    authorize, known = app.oauth.authorize or Authorize(), names.at_start(app)
    parameters = {
        "oauth_token": token,
        **by_parameter(authorize, scopes),
        **filled_all(authorize.parameters, known),
    }
    return url_with(url_of(authorize.url or "", known), parameters)


def access_token(app: App, http: Http, *, request: TokenPair, verifier: str, now_us: int) -> tuple[Tokens, str]:
    """The account's token for an agreed request token, and its secret (the vault's `token_secret`).

    Raises as `request_token` does.
    """
    url = url_of(app.oauth.token.url or "", names.at_start(app))
    signing = signer(app, token=request.token, token_secret=request.secret, verifier=verifier)
    pair = _asked(app, http, url, signing, now_us=now_us)
    return Tokens(access_token=pair.token, token_type="OAuth", document=pair.fields), pair.secret  # noqa: S106 (a word)


def _asked(app: App, http: Http, url: str, signing: OAuth1, *, now_us: int) -> TokenPair:
    signed = signing.apply(Call("POST", url, ""))
    answer = http.send(HttpRequest("POST", url, (*signed.headers, ("Accept", "*/*")), None))
    require_served(answer, "the provider answered", now_us=now_us)
    if not answer.is_success:
        raise ProviderRefused(f"http_{answer.status}", "it does not take the signed request, or no longer the token")
    try:
        fields = dict(parse_qsl(answer.body.decode("utf-8").strip(), errors="strict", max_num_fields=MAX_FIELDS))
    except ValueError as error:
        raise ProviderAnswerInvalid("the provider's answer is no form") from error
    token, secret = fields.pop("oauth_token", ""), fields.pop("oauth_token_secret", "")
    if not all(0 < len(one) <= MAX_TOKEN and one.isascii() and one.isprintable() for one in (token, secret)):
        raise ProviderAnswerInvalid("the provider's answer holds no token with its secret")
    return TokenPair(token=token, secret=secret, fields=fields)
