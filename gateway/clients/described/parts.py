"""What a client is made of, from the words of an entry: base URL, proof of who calls, style of paging. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway.clients.auth.base import ApiKey, Auth, Basic, Bearer, TokenAuth, TokenSource, Unauthenticated
from gateway.clients.auth.together import Together
from gateway.clients.paging.styles import (
    Cursor,
    HeaderToken,
    Keyset,
    LinkHeader,
    NextUrl,
    Offset,
    PageNumber,
    PageStyle,
    SinglePage,
)
from gateway.errors import InvalidInput
from gateway.providers.api.model import Api, Credential, Paging


def base_url_of(api: Api, parameters: Mapping[str, str], service: str | None = None) -> str:
    """The base URL, or that of another of the API's services, with its parameters. Raises `InvalidInput`."""
    return filled(api, api.base_url if service is None else api.services[service], parameters)


def headers_of(api: Api, parameters: Mapping[str, str]) -> dict[str, str]:
    """What every request carries, with the parameters in it. Raises `InvalidInput`."""
    return {name: filled(api, value, parameters) for name, value in api.headers.items()}


def filled(api: Api, text: str, parameters: Mapping[str, str]) -> str:
    """`text` with the parameters that it names in braces. Raises `InvalidInput` for those that are missing or wrong."""
    if left := sorted(parameters.keys() - api.parameters.keys()):
        there = ", ".join(api.parameters) or "none"
        raise InvalidInput(f"this API has no parameter {', '.join(left)} (there is: {there})")
    for name, parameter in api.parameters.items():
        if "{" + name + "}" not in text:
            continue
        value = parameters.get(name, parameter.default)
        if value is None:
            raise InvalidInput.at(f"parameters.{name}", "missing", f"{name} is missing: {parameter.about}")
        if re.fullmatch(parameter.pattern, value, re.ASCII) is None:
            raise InvalidInput.at(f"parameters.{name}", "malformed", f"{name} cannot be {value!r}: {parameter.about}")
        text = text.replace("{" + name + "}", value)
    return text


def auth_of(place: Credential, given: str | Auth | TokenSource | None) -> Auth:
    """What proves whose calls are, with `given` where the entry says. Raises `InvalidInput`, `ValueError`."""
    if given is None or place.kind == "none":
        return Unauthenticated()
    if isinstance(given, str):
        match place.kind:
            case "header":
                return ApiKey(place.prefix + given, header=place.name)
            case "query":
                return ApiKey(given, query=place.name)
            case "basic":
                return _basic(place, given)
            case _:
                return Bearer(given, scheme=place.scheme)
    return TokenAuth(given, scheme=place.scheme) if isinstance(given, TokenSource) else given


def with_further(auth: Auth, place: Credential, secrets: Mapping[str, str]) -> Auth:
    """`auth`, and beside it the further secrets that the entry names. Raises `InvalidInput`, `ValueError`."""
    if left := sorted(secrets.keys() - place.also.keys()):
        raise InvalidInput(f"this API takes no secret {', '.join(left)} (it takes: {', '.join(place.also) or 'none'})")
    found = [auth]
    for name, one in place.also.items():
        if not secrets.get(name):
            raise InvalidInput.at(name, "missing", f"{name} is missing: {one.about}")
        found.append(ApiKey(secrets[name], header=one.header, query=one.query))
    return Together(found) if len(found) > 1 else auth


def _basic(place: Credential, given: str) -> Auth:
    if place.username == "key":
        return Basic(given, "")
    if place.username:
        return Basic(place.username, given)
    name, colon, password = given.partition(":")
    if not colon:
        raise InvalidInput("this system takes a name and a password or key: give them as name:password")
    return Basic(name, password)


def style_of(paging: Paging) -> PageStyle:
    """The style that an entry describes."""
    size = paging.size or 1
    match paging.style:
        case "link":
            return LinkHeader(attribute=paging.attribute)
        case "next_url":
            return NextUrl(paging.path or "", more=paging.more)
        case "cursor":
            return Cursor(paging.parameter or "", paging.path or "", more=paging.more)
        case "header":
            return HeaderToken(paging.parameter or "", paging.header or "")
        case "keyset":
            return Keyset(paging.parameter or "", paging.key or "id", more=paging.more)
        case "page":
            return PageNumber(
                paging.parameter or "page",
                size=size,
                size_parameter=paging.size_parameter,
                start=paging.start,
                pages=paging.pages,
                more=paging.more,
            )
        case "offset":
            return Offset(
                paging.parameter or "offset", size=size, size_parameter=paging.size_parameter, more=paging.more
            )
        case _:
            return SinglePage()
