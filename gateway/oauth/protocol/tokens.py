"""Token requests: a code exchanged, a token refreshed or swapped, tokens of the app itself, of a service account.

Requests are made of the entry's data and sent once: nothing is tried again, and nothing kept, here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gateway.errors import InvalidInput
from gateway.oauth.protocol import names
from gateway.oauth.protocol.answers import read_tokens
from gateway.oauth.protocol.assertions import JWT_BEARER, signed
from gateway.oauth.protocol.calls import request_of
from gateway.oauth.protocol.client_authentication import Proof, proof
from gateway.oauth.protocol.encoding import body_of, merged
from gateway.oauth.protocol.errors import ProviderError
from gateway.oauth.protocol.http import Http, HttpRequest, retry_after_seconds
from gateway.oauth.protocol.known import known
from gateway.oauth.protocol.values import App, Endpoints, SecondTokens, Tokens
from gateway.providers.oauth.model import Grant
from gateway.providers.oauth.templates import filled_all, url_of

NOTHING: Mapping[str, str] = {}


def exchange_code(
    app: App,
    endpoints: Endpoints,
    http: Http,
    *,
    code: str,
    verifier: str | None,
    redirect_uri: str | None = None,
    kept: Mapping[str, str] = NOTHING,
    now_us: int,
) -> Tokens:
    """The tokens for `code` (RFC 6749, 4.1.3). `verifier` is that of PKCE, `kept` what the callback told.

    `redirect_uri` is what the provider was told, by default as it is told now. Raises `ProviderError`.
    """
    token, grant, values = app.oauth.token, app.oauth.grants.get("authorization_code", Grant()), known(app, kept=kept)
    fields = {"grant_type": "authorization_code", "code": code}
    if "redirect_uri" not in token.omit:
        fields["redirect_uri"] = redirect_uri or names.redirect_uri(app)
    if verifier is not None:
        fields["code_verifier"] = verifier
    fields |= filled_all({**token.parameters, **grant.parameters}, values)
    return token_answer(
        app, endpoints, http, fields, values=values, sent=(code, verifier or ""), kept=kept, now_us=now_us
    )


def refresh(
    app: App,
    endpoints: Endpoints,
    http: Http,
    *,
    secrets: Mapping[str, str],
    kept: Mapping[str, str],
    now_us: int,
    account_id: str | None = None,
) -> Tokens:
    """Newer tokens for a connection's `secrets` (the vault's fields), by the entry's style (RFC 6749, 6).

    Scopes are not asked for again: the answer has those of the grant. `refresh_token` None: the former one stays, where
    there was one. A second token that has a refresh token of its own is renewed after the first; where that fails it
    stays as it was, so that the first is not lost. Raises `ProviderError`, and `ValueError` where there is nothing to
    refresh with.
    """
    oauth = app.oauth
    values = known(app, kept=kept, secrets=secrets, account_id=account_id)
    if oauth.refresh.call is not None:
        if "access_token" not in secrets:
            raise ValueError("there is no access token to swap")
        request = request_of(app, oauth.refresh.call, endpoints, values=values, now_us=now_us)
        return _read(app, http, request, sent=tuple(secrets.values()), kept=kept, now_us=now_us)
    if "refresh_token" not in secrets:
        raise ValueError("there is no refresh token")
    url = None if oauth.refresh.url is None else url_of(oauth.refresh.url, values)

    def renewed(refresh_token: str) -> Tokens:
        named = values | {"refresh_token": refresh_token}
        fields = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        fields |= filled_all(oauth.refresh.parameters, named)
        sent = tuple(secrets.values())
        return token_answer(app, endpoints, http, fields, values=named, sent=sent, kept=kept, url=url, now_us=now_us)

    first = renewed(secrets["refresh_token"])
    if first.second is not None or "second_refresh_token" not in secrets:
        return first
    try:
        second = renewed(secrets["second_refresh_token"])
    except ProviderError:
        return first
    return replace(
        first,
        second=SecondTokens(access_token=second.access_token, refresh_token=second.refresh_token, scopes=second.scopes),
    )


def client_credentials(
    app: App,
    endpoints: Endpoints,
    http: Http,
    *,
    scopes: Sequence[str] = (),
    kept: Mapping[str, str] = NOTHING,
    now_us: int,
) -> Tokens:
    """A token of the app itself (RFC 6749, 4.4). Without `scopes` the entry's are asked for. Raises `ProviderError`."""
    grant, values = app.oauth.grants.get("client_credentials", Grant()), known(app, kept=kept)
    fields = {"grant_type": "client_credentials", **_scope(app, scopes or grant.scopes)}
    fields |= filled_all(grant.parameters, values)
    return token_answer(app, endpoints, http, fields, values=values, kept=kept, now_us=now_us)


def jwt_bearer(
    app: App,
    endpoints: Endpoints,
    http: Http,
    *,
    scopes: Sequence[str] = (),
    subject: str | None = None,
    key: str | None = None,
    kept: Mapping[str, str] = NOTHING,
    now_us: int,
) -> Tokens:
    """A token for a service account (RFC 7523, 2.1), by an assertion that `key` signs, else the app's own key.

    `subject` is whom it stands for, over the entry's claim. The app says who it is beside it where it has a secret.
    Raises `ProviderError`; `InvalidInput` for a key that cannot sign, or where the entry has no such grant.
    """
    grant, values = app.oauth.grants.get("jwt_bearer", Grant()), known(app, kept=kept)
    if grant.assertion is None:
        raise InvalidInput(f"{app.provider} takes no assertions of service accounts, as far as its entry says")
    claims = {"iss": app.client_id} | ({"sub": subject} if subject is not None else {})
    assertion = signed(
        key or app.secrets.get("private_key"),
        grant.assertion,
        claims=claims,
        audience=endpoints.token,
        values=values,
        now_us=now_us,
    )
    fields = {"grant_type": JWT_BEARER, "assertion": assertion, **_scope(app, scopes or grant.scopes)}
    fields |= filled_all(grant.parameters, values)
    is_client = app.client_secret is not None
    return token_answer(
        app,
        endpoints,
        http,
        fields,
        values=values,
        sent=(assertion,),
        kept=kept,
        now_us=now_us,
        is_client=is_client,
    )


def token_answer(
    app: App,
    endpoints: Endpoints,
    http: Http,
    fields: Mapping[str, str],
    *,
    values: Mapping[str, str],
    now_us: int,
    sent: Sequence[str] = (),
    kept: Mapping[str, str] = NOTHING,
    url: str | None = None,
    is_client: bool = True,
) -> Tokens:
    """The answer to a token request with `fields`, at the token endpoint or `url`, as the client unless it is none.

    `sent` are the secrets among them, which no error may repeat. Raises `ProviderError`.
    """
    token = app.oauth.token
    made = proof(app, endpoints, endpoints.token_authentication, now_us=now_us) if is_client else Proof()
    body, typed = body_of(token.format, {**fields, **made.fields})
    headers = merged(dict(typed), made.headers, filled_all(token.headers, values))
    request = HttpRequest("POST", url or endpoints.token, headers, body)
    return _read(app, http, request, sent=sent, kept=kept, now_us=now_us)


def _read(
    app: App, http: Http, request: HttpRequest, *, sent: Sequence[str], kept: Mapping[str, str], now_us: int
) -> Tokens:
    answer = http.send(request)
    return read_tokens(
        app.oauth,
        answer.status,
        answer.content_type,
        answer.body,
        now_us,
        known=kept,
        secrets=(*app.secrets.values(), *sent),
        retry_after_seconds=retry_after_seconds(answer, now_us=now_us),
    )


def _scope(app: App, scopes: Sequence[str]) -> dict[str, str]:
    separator = app.oauth.authorize.scope_separator if app.oauth.authorize is not None else " "
    return {"scope": separator.join(scopes)} if scopes else {}
