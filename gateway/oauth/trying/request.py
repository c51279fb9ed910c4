"""The request that tries a connection, and whose account its answer tells of. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import jmespath
import orjson

from gateway.clients.described.parts import filled as filled_by_api
from gateway.clients.values import Call
from gateway.oauth.calling.plan import KEY_WAYS
from gateway.oauth.protocol.values import AccountFacts
from gateway.providers import Provider
from gateway.providers.oauth import words
from gateway.providers.oauth.model import Account, OAuth
from gateway.providers.oauth.parts import Call as Template
from gateway.providers.oauth.templates import filled, filled_all, url_of
from gateway.providers.ways import trial

JSON = "application/json"
_HEADERS = (("Accept", JSON),)


def request_of_key(provider: Provider, parameters: Mapping[str, str]) -> Call | None:
    """What tries a key; None where the catalogue has nothing for it. Raises `InvalidInput` for parameters."""
    found = trial(provider)
    if found is None or provider.api is None:
        return None
    url = filled_by_api(provider.api, found.url, parameters)
    query = tuple(found.query.items())
    if not found.body:
        return Call(found.method, url, "", query, _HEADERS)
    return Call(found.method, url, "", query, (*_HEADERS, ("Content-Type", JSON)), orjson.dumps(found.body))


def request_of_token(oauth: OAuth, values: Mapping[str, str], *, userinfo: str | None = None) -> Call | None:
    """What tries a grant; None where the catalogue has nothing for it. `userinfo` is where the provider's metadata say
    that a token tells of its account. `values` are those that templates name.
    """
    template = oauth.check_call
    if template is None or (oauth.account is not None and oauth.account.source == "websocket"):
        return None
    if template.authentication not in ("token", "nobody") or (template.url or userinfo) is None:
        return None
    try:
        url = url_of(template.url, values) if template.url is not None else str(userinfo)
    except KeyError:
        return None
    content = _content(template, oauth.account, values)
    headers = (*_HEADERS, *filled_all(template.headers, values).items())
    if template.authorization is not None:
        headers = (*headers, ("Authorization", filled(template.authorization, values) or ""))
    query = tuple(filled_all(template.query, values).items())
    if content is None:
        return Call(template.method, url, "", query, headers)
    content_type, body = content
    return Call(template.method, url, "", query, (*headers, ("Content-Type", content_type)), body)


def is_authenticated(oauth: OAuth | None, way: str) -> bool:
    """Whether the request carries the credentials as calls do, and not in a way of its own."""
    template = oauth.check_call if oauth is not None and way not in KEY_WAYS else None
    return template is None or (template.authentication == "token" and template.authorization is None)


def tells_account(oauth: OAuth | None) -> bool:
    """Whether the answer to the request has to tell whose account it is: failures stand inside of successes too."""
    account = oauth.account if oauth is not None and oauth.check is None else None
    return account is not None and account.source in words.ASKED_BY_A_CALL and account.id is not None


def account_in(oauth: OAuth | None, document: object) -> AccountFacts:
    """Whose account an answer to the request tells of; nothing where the entry does not say how to read it."""
    account = oauth.account if oauth is not None else None
    if account is None or account.source not in words.ASKED_BY_A_CALL or account.id is None:
        return AccountFacts()
    found = _text(jmespath.search(account.id, document))
    if found is None:
        return AccountFacts()
    labels = (_text(jmespath.search(path, document)) for path in account.label)
    also = _text(jmespath.search(account.also, document)) if account.also is not None else None
    key = found if also is None else f"{also} {found}"
    return AccountFacts(id=found, label=next((one for one in labels if one), None), key=key)


def _content(template: Template, account: Account | None, values: Mapping[str, str]) -> tuple[str, bytes] | None:
    body: dict[str, Any] = dict(filled_all(template.body, values))
    if account is not None and account.send is not None and template is account.call:
        body["query"] = account.send
    if template.method == "GET" or not body:
        return None
    if template.format == "json" or "query" in body:
        return JSON, orjson.dumps(body)
    return "application/x-www-form-urlencoded", urlencode(body).encode()


def _text(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        return None
    return str(value)
