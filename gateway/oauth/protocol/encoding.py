"""Bodies and URLs of requests, as providers read them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

import orjson

from gateway.oauth.protocol.http import Pairs

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def body_of(format: str, fields: Mapping[str, str]) -> tuple[bytes | None, Pairs]:
    """The body of `fields` and its header; none of both where there are no fields. `format` is `form` or `json`."""
    if not fields:
        return None, ()
    if format == "json":
        return orjson.dumps(dict(fields)), (("Content-Type", JSON),)
    return urlencode(fields).encode("ascii"), (("Content-Type", FORM),)


def url_with(url: str, query: Mapping[str, str]) -> str:
    """`url`, which may have a query of its own (RFC 6749, 3.2), with `query`."""
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query, quote_via=quote, safe='')}"


def merged(*headers: Mapping[str, str]) -> Pairs:
    """The headers, of which later ones stand in the place of earlier ones of the same name in any case."""
    found = {name.lower(): (name, value) for one in headers for name, value in one.items()}
    return tuple(found.values())
