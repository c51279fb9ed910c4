"""The ways in which an account of a provider can be connected, and how each is tried: from its sections. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gateway.providers.api.model import Api
from gateway.providers.model import Provider

KEY = "key"


@dataclass(frozen=True, slots=True)
class Asked:
    """A value that is asked for. `default` None: it has to be given, unless it is `optional`."""

    name: str
    about: str
    is_secret: bool = False
    is_optional: bool = False
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """`kind` is one of the grants of OAuth, `oauth1`, `api_key`, `basic`, or `open` where nothing proves who calls.

    `asks` are values beside the app credentials, which ways by OAuth need.
    """

    kind: str
    asks: tuple[Asked, ...] = ()


@dataclass(frozen=True, slots=True)
class Trial:
    """A request that changes nothing, and is answered well only where the credentials are good.

    `url` and what it names are as in the section `api`; `body` is JSON.
    """

    method: str
    url: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, str] = field(default_factory=dict)


def ways(provider: Provider) -> tuple[Way, ...]:
    """All of them, those by OAuth first."""
    return (*_by_oauth(provider), *(_by_key(provider.api) if provider.api is not None else ()))


def trial(provider: Provider) -> Trial | None:
    """How a key for the API is tried: by asking whose it is, else by the first list that needs no more to be known."""
    api = provider.api
    if api is None or api.credential.kind == "none":
        return None
    return _account_trial(provider, api) or _list_trial(api)


def _account_trial(provider: Provider, api: Api) -> Trial | None:
    account = provider.oauth.account if provider.oauth is not None else None
    call = account.call if account is not None else None
    if account is None or call is None or call.url is None or call.headers or account.source == "websocket":
        return None
    if not set(re.findall(r"\{(\w+)\}", call.url)) <= api.parameters.keys():
        return None
    return Trial(call.method, call.url, call.query, {"query": account.send} if account.send is not None else {})


def _list_trial(api: Api) -> Trial | None:
    for resource in api.resources.values():
        if resource.method == "GET" and resource.service is None and "{" not in resource.path:
            return Trial("GET", api.base_url + resource.path, resource.query)
    return None


def _by_oauth(provider: Provider) -> Iterator[Way]:
    oauth = provider.oauth
    if oauth is None:
        return
    asks = tuple(
        Asked(name, one.about, is_optional=one.optional, default=one.default) for name, one in oauth.parameters.items()
    )
    for kind in ("oauth1",) if oauth.kind == "oauth1" else oauth.grants:
        yield Way(kind, asks)


def _by_key(api: Api) -> Iterator[Way]:
    parameters = tuple(Asked(name, one.about, default=one.default) for name, one in api.parameters.items())
    credential = api.credential
    also = tuple(Asked(name, one.about, is_secret=True) for name, one in credential.also.items())
    if credential.kind == "none":
        yield Way("open", parameters)
    elif credential.kind == "basic" and not credential.username:
        name, password = Asked("username", "the user name"), Asked("password", "the password or key", is_secret=True)
        yield Way("basic", (name, password, *also, *parameters))
    else:
        yield Way("api_key", (Asked(KEY, "the key or token", is_secret=True), *also, *parameters))
