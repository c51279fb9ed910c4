"""Whose account was connected, asked and read as the entry says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.oauth.protocol.asking import INSUFFICIENT_SCOPE, INVALID_TOKEN, ask
from gateway.oauth.protocol.bodies import at, text_at
from gateway.oauth.protocol.errors import ProviderAnswerInvalid, ProviderError, ProviderRefused
from gateway.oauth.protocol.http import Http
from gateway.oauth.protocol.known import KEPT, known
from gateway.oauth.protocol.sockets import Sockets
from gateway.oauth.protocol.values import AccountFacts, App, Endpoints, Tokens
from gateway.providers.oauth.hosts import host_of, leading
from gateway.providers.oauth.model import Account
from gateway.providers.oauth.parts import Call
from gateway.providers.oauth.templates import named, url_of

NOTHING: Mapping[str, str] = {}
MAX_ID = 500
MAX_LABEL = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asking:
    """All that a source may need."""

    app: App
    endpoints: Endpoints
    http: Http
    sockets: Sockets
    tokens: Tokens
    kept: Mapping[str, str]
    claims: Mapping[str, Any] | None
    token_secret: str | None
    now_us: int

    @property
    def values(self) -> dict[str, str]:
        return known(self.app, kept=self.kept, secrets=_secrets(self.tokens))

    def ask(
        self,
        call: Call,
        *,
        endpoint: str | None = None,
        fields: Mapping[str, str] = NOTHING,
        more: Mapping[str, str] = NOTHING,
    ) -> Any:
        return ask(
            self.app,
            call,
            self.endpoints,
            self.http,
            values={**self.values, **more},
            now_us=self.now_us,
            endpoint=endpoint,
            fields=fields,
            token_secret=self.token_secret,
        )


def read_account(
    app: App,
    endpoints: Endpoints,
    tokens: Tokens,
    http: Http,
    *,
    sockets: Sockets,
    kept: Mapping[str, str] = NOTHING,
    claims: Mapping[str, Any] | None = None,
    token_secret: str | None = None,
    now_us: int,
) -> AccountFacts:
    """Whose account `tokens` are of; no facts where the entry does not say, or the granted scopes do not let us ask.

    `kept` is what the callback told, `claims` those of a verified ID token, `token_secret` that of OAuth 1.0a. Raises
    `ProviderRefused` for a token that does not work, `ProviderUnavailable`, and `ProviderAnswerInvalid` where there is
    an answer without the account.
    """
    account = app.oauth.account
    if account is None:
        return AccountFacts()
    asking = _Asking(
        app=app,
        endpoints=endpoints,
        http=http,
        sockets=sockets,
        tokens=tokens,
        kept={**kept, **tokens.kept},
        claims=claims,
        token_secret=token_secret,
        now_us=now_us,
    )
    try:
        document, account_id = _told(account, asking)
    except ProviderRefused as refused:
        if refused.error == INSUFFICIENT_SCOPE:
            return AccountFacts()
        raise
    if account_id is None or len(account_id) > MAX_ID or not account_id.isprintable():
        raise ProviderAnswerInvalid("the provider does not say whose account it is, or in no way that can be kept")
    label = _label(account, document) or _label(account, _details(account, asking, account_id))
    return AccountFacts(id=account_id, label=label, key=_key(account, asking, document, account_id))


def _told(account: Account, asking: _Asking) -> tuple[Any, str | None]:
    """What a source says, and the id in it."""
    source, path = account.source, account.id or ""
    if source == "callback":
        return {}, asking.kept.get(path)
    if source == "parameter":
        return {}, asking.app.parameters.get(path)
    if source == "token_prefix":
        prefix, dot, _ = asking.tokens.access_token.partition(".")
        return {}, prefix if dot else None
    document = _document(account, asking)
    return document, text_at(path, document)


def _document(account: Account, asking: _Asking) -> Any:
    source, introspection = account.source, asking.app.oauth.introspection
    if source == "token":
        return asking.tokens.document
    if source == "id_token":
        if asking.claims is None:
            raise ProviderAnswerInvalid("the provider gave no ID token, which would say whose account it is")
        return asking.claims
    if source == "introspection" and introspection is not None:
        token = {"token": asking.tokens.access_token, "token_type_hint": "access_token"}
        said = asking.ask(introspection.call, endpoint=asking.endpoints.introspection, more=token)
        if at("active", said) is False:
            raise ProviderRefused(INVALID_TOKEN, "it does not know the token")
        return said
    if account.call is None:
        raise ProviderAnswerInvalid(f"the entry says no call for {source}")
    if source == "websocket":
        url = url_of(account.call.url or "", asking.values)
        return asking.sockets.ask(url, access_token=asking.tokens.access_token, command=account.send or "")
    fields = {"query": account.send} if account.send is not None else {}
    return asking.ask(account.call, endpoint=asking.endpoints.userinfo, fields=fields)


def _details(account: Account, asking: _Asking, account_id: str) -> Any:
    """What is asked for the label's sake alone; None where there is none, which fails nothing."""
    if account.details is None or not account.label:
        return None
    if account.details.url is None and asking.endpoints.userinfo is None:
        return None
    try:
        document = asking.ask(account.details, endpoint=asking.endpoints.userinfo, more={"account_id": account_id})
    except ProviderError:
        return None
    is_userinfo = account.details.url is None and asking.claims is not None
    # OpenID Connect Core, 5.3.2: what is somebody else's is not used.
    return None if is_userinfo and at("sub", document) != (asking.claims or {}).get("sub") else document


def _label(account: Account, document: Any) -> str | None:
    found = next((text for path in account.label if (text := text_at(path, document))), None)
    if found is None:
        return None
    return "".join(one if one.isprintable() else " " for one in found[:MAX_LABEL]).strip() or None


def _key(account: Account, asking: _Asking, document: Any, account_id: str) -> str:
    """What tells this account from every other of the entry: on which server, its id, and what else is part of it."""
    also = None
    if account.also is not None:
        also = (
            asking.kept.get(account.also) if account.also in asking.app.oauth.kept else text_at(account.also, document)
        )
    issuer = (asking.claims or {}).get("iss") if account.source == "id_token" else None
    return json.dumps([issuer, *_server(asking.app), account_id, also], ensure_ascii=False)


def _server(app: App) -> Iterator[str]:
    """The parameters that say at which server the account is."""
    template = app.oauth.token.url or app.oauth.discovery or ""
    names = {leading(template) or "", *named(host_of(template))}
    return (app.parameters[name] for name in sorted(names & app.parameters.keys()))


def _secrets(tokens: Tokens) -> dict[str, str]:
    secrets = {"access_token": tokens.access_token}
    if tokens.refresh_token is not None:
        secrets["refresh_token"] = tokens.refresh_token
    return secrets | {f"{KEPT}{name}": value for name, value in tokens.secret_kept.items()}
