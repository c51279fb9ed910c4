"""Where a proxied call goes: a path behind the base URL of the connection's API, and nowhere else. Pure.

A path is taken as it stood on the request line and goes on as it stands. It is judged as those read it who undo its
percent-encodings, once or more often, and take `\\` for a slash, or what follows `;` for no part of a segment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from gateway.errors import InvalidInput

MAX_CHARACTERS = 16_384
# More often nobody undoes encodings; what is still encoded then stays what it is.
DECODINGS = 3

_PROXIED = re.compile(r"/api/v1/connections/[^/?]+/proxy/")
_ALLOWED = re.compile(r"[!$&-;=@-Z_a-z~%|\[\]^`{}]*", re.ASCII)
_BROKEN_ENCODING = re.compile(r"%(?![0-9A-Fa-f]{2})")


def is_proxied(target: str) -> bool:
    """Whether what stands on a request line, encoded as it came, asks for a call through the proxy."""
    return _PROXIED.match(target) is not None


def target_url(base_url: str, path: str, query: str) -> str:
    """The URL of `path`, which comes behind `base_url`, and the query as it came; both without their first character,
    `/` and `?`. Raises `InvalidInput` for what could lead elsewhere.
    """
    fault = path_fault(path) or _query_fault(query)
    if fault is not None:
        raise InvalidInput.at("path", "not_allowed", f"the path behind `proxy/` {fault}")
    url = f"{base_url.rstrip('/')}/{path}" if path else base_url
    if query:
        url = f"{url}{'&' if '?' in url else '?'}{query}"
    # What was judged above holds this already; nothing leaves on the word of one check.
    base, made = urlsplit(base_url), urlsplit(url)
    if (base.scheme, base.netloc) != (made.scheme, made.netloc) or not made.path.startswith(base.path.rstrip("/")):
        raise InvalidInput.at("path", "not_allowed", "the path behind `proxy/` leads elsewhere")
    return url


def path_fault(path: str) -> str | None:
    """What is wrong with a path that comes behind a base URL; None: nothing."""
    if len(path) > MAX_CHARACTERS:
        return f"has more than {MAX_CHARACTERS} characters"
    if path.startswith("/") or "//" in path:
        return "has two slashes in a row: it is a path and no URL"
    if _ALLOWED.fullmatch(path) is None:
        return "has a character that has to be percent-encoded"
    if _BROKEN_ENCODING.search(path) is not None:
        return "has a % that begins no percent-encoding"
    for read in _readings(path):
        if any(segment.partition(";")[0].strip() in (".", "..") for segment in re.split(r"[/\\]", read)):
            return "has a dot segment: it does not climb"
        if any(character < " " or character == "\x7f" for character in read):
            return "has a control character"
    return None


def _query_fault(query: str) -> str | None:
    if len(query) > MAX_CHARACTERS:
        return f"has a query of more than {MAX_CHARACTERS} characters"
    if not query.isascii() or not query.isprintable() or " " in query or "#" in query:
        return "has a query with a character that has to be percent-encoded"
    return None


def _readings(path: str) -> Iterator[str]:
    for _ in range(DECODINGS + 1):
        yield path
        decoded = unquote(path, errors="replace")
        if decoded == path:
            return
        path = decoded
