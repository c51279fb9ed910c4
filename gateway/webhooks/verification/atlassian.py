"""Atlassian Connect's query string hash: what an app's JWT says about the URL that it was sent to.

Source: "Understanding JWT for Connect apps", canonical request: METHOD & path & sorted, percent-encoded query.
"""

from __future__ import annotations

import hashlib
from urllib.parse import SplitResult, parse_qsl, quote, urlsplit

_UNRESERVED = "-._~"


def query_string_hash(method: str, url: SplitResult, base_url: str) -> str:
    """Hex SHA-256 of the canonical request; `base_url` is the app's, whose path is left out of the canonical one."""
    canonical = "&".join((method.upper(), _path(url.path, base_url), _query(url.query)))
    return hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()


def _path(path: str, base_url: str) -> str:
    try:
        prefix = urlsplit(base_url).path.rstrip("/")
    except ValueError:
        prefix = ""
    if prefix and (path == prefix or path.startswith(prefix + "/")):
        path = path[len(prefix) :]
    path = path.rstrip("/") or "/"
    if not path.startswith("/"):
        path = "/" + path
    return path.replace("&", "%26")


def _query(query: str) -> str:
    values: dict[str, list[str]] = {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="surrogateescape", max_num_fields=10_000)
    except ValueError:
        return ""
    for name, value in pairs:
        if name != "jwt":
            values.setdefault(_encode(name), []).append(_encode(value))
    return "&".join(f"{name}={','.join(sorted(values[name]))}" for name in sorted(values))


def _encode(text: str) -> str:
    return quote(text, safe=_UNRESERVED, errors="surrogateescape")
