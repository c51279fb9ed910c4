"""Where URLs of the section `oauth` lead: which names choose a host, and whose host it can become. Pure.

What goes there are secrets and tokens, so that every host is the entry's own word, or a value that is judged strictly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from gateway.providers.oauth.model import OAuth
from gateway.providers.oauth.parts import Kept
from gateway.providers.oauth.templates import NAMED, named
from gateway.security.loopback import is_loopback

# What a value in a host must not be able to say.
ASTRAY = ("a@b", "a/b", "a\\b", "a?b", "a#b", "a:b", "a b", "a%2fb", "")


def takes_what_leads_astray(pattern: str) -> bool:
    """Whether a value that matches could end a host, or begin another one."""
    return any(re.fullmatch(pattern, text, re.ASCII) for text in ASTRAY)


def leading(template: str) -> str | None:
    """The name that a URL begins with: its value is a URL."""
    match = NAMED.match(template)
    return match[1] if match is not None else None


def host_of(template: str) -> str:
    """The host of a URL that is written out, with names in it; empty where it begins with a name."""
    behind = template.partition("://")[2] if leading(template) is None else ""
    return re.split(r"[/?#]", behind, maxsplit=1)[0]


def chooses_server(oauth: OAuth) -> bool:
    """Whether a parameter can make anybody's host the authorization server.

    Then each app has a redirect URI of its own, so that no server passes its answers off as another's (RFC 9700, 4.4).
    A host under a domain of the vendor's, or one of a list, stays the vendor's.
    """
    return bool(server_parameters(oauth))


def server_parameters(oauth: OAuth) -> frozenset[str]:
    """The parameters that can do so: they belong to the app credentials, and to nobody who connects an account."""
    authorize = oauth.authorize.url if oauth.authorize is not None else None
    urls = [url for url in (oauth.discovery, authorize, oauth.token.url) if url is not None]
    return frozenset(name for url in urls if (name := _free_name(url, oauth)) is not None)


def redirect_path(provider_id: str, oauth: OAuth, app_credentials: str) -> str:
    """The path of the callback: the provider's, or the app credentials' own."""
    own = f"{app_credentials}/" if chooses_server(oauth) else ""
    return f"/oauth/{provider_id}/{own}callback"


def url_fault(text: str, *, plain_http: bool = False) -> str | None:
    """What is wrong with `text` as the beginning of URLs; `plain_http`: a loopback host may have it."""
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return "is no URL"
    if re.search(r"[\s\\\x00-\x1f\x7f]", text) or not text.isascii() or not host:
        return "is no URL"
    if parts.scheme != "https" and not (parts.scheme == "http" and plain_http and is_loopback(host)):
        return "must begin with https://"
    if parts.username is not None or "?" in text or "#" in text:
        return "has no user name, query or fragment"
    return "has no dot segments" if {".", ".."} & set(parts.path.split("/")) else None


def kept_fault(kept: Kept, value: str) -> str | None:
    """What is wrong with a value that was told by a provider and leads to hosts, or into URLs."""
    if value in ("", ".", "..") or not value.isprintable():
        return "cannot be that"
    if kept.pattern is not None and re.fullmatch(kept.pattern, value, re.ASCII) is None:
        return "does not match its pattern"
    if not kept.under:
        return None
    if "://" in value and (fault := url_fault(value)):
        return fault
    host = (urlsplit(value).hostname or "") if "://" in value else value.lower()
    if not re.fullmatch(r"[a-z0-9.-]+", host) or not any(
        host == domain or host.endswith(f".{domain}") for domain in kept.under
    ):
        return f"is not under {' or '.join(kept.under)}"
    return None


def host_faults(template: str, oauth: OAuth) -> Iterator[str]:
    """Why a URL could lead elsewhere than to its provider's."""
    first, host, kept = leading(template), host_of(template), oauth.kept
    if first is None and not template.startswith("https://"):
        yield "begins with https://, or with a parameter that is a URL"
        return
    if first is not None and not _is_url(first, oauth, kept):
        yield f"{first!r} is not known to be a URL: a parameter of that kind, or kept with `under`"
    if not (first or host) or "@" in host or "\\" in template:
        yield "has no host, or a user name before it"
    for name in named(host):
        parameter, value = oauth.parameters.get(name), kept.get(name)
        if parameter is not None:
            if parameter.kind != "text" or not (parameter.choices or parameter.pattern):
                yield f"the host is chosen by {name!r}, which needs a pattern or choices"
            if not all(re.fullmatch(r"[A-Za-z0-9.-]*", text) for text in parameter.choices.values()):
                yield f"the host is chosen by {name!r}, which has choices that are no part of a host"
        elif value is None or not (value.under or (value.pattern and not takes_what_leads_astray(value.pattern))):
            yield f"the host is chosen by {name!r}, which needs `under`, or a pattern that takes no @, /, ?, # or :"


def _is_url(name: str, oauth: OAuth, kept: Mapping[str, Kept]) -> bool:
    parameter = oauth.parameters.get(name)
    if parameter is not None:
        return parameter.kind == "url" or (
            bool(parameter.choices) and all(url_fault(one) is None for one in parameter.choices.values())
        )
    return name in kept and bool(kept[name].under)


def _free_name(template: str, oauth: OAuth) -> str | None:
    first, host = leading(template), host_of(template)
    name = first or (named(host) or [""])[-1]
    if not name or (first is None and not host.endswith("}")):
        return None
    parameter = oauth.parameters.get(name)
    return name if parameter is not None and not parameter.choices else None
