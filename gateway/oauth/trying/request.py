"""The request that tries a key, and whose account its answer tells of. Pure. What tries a token is `protocol.check`."""

from __future__ import annotations

from collections.abc import Mapping

import jmespath
import orjson

from gateway.clients.described.parts import filled as filled_by_api
from gateway.clients.values import Call
from gateway.oauth.protocol.values import AccountFacts
from gateway.providers import Provider
from gateway.providers.oauth import words
from gateway.providers.oauth.model import OAuth
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


def _text(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        return None
    return str(value)
