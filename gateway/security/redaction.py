"""Redaction: what is taken out of headers, URLs and log records before anybody sees them.

By name where a name tells (`authorization`, `x-shop-token`) or the catalogue says that a proof stands there, by form
where a secret can be recognised wherever it stands (`whsec_…`, `Bearer …`). Where logs go is `telemetry`'s matter.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, MutableMapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

REDACTED: Final = "[redacted]"
HIDDEN: Final = "…"
MAX_DEPTH: Final = 6
MAX_QUERY_FIELDS: Final = 1000
MAX_REMEMBERED_CHARACTERS: Final = 64

_SECRET_NAME = re.compile(
    r"authorization|cookie|token|secret|passw|signature|credential|api_?key|access_?key|private_?key"
    r"|encryption_?keys?$|hmac|assertion|jwt|session_?id|^auth$|^sig$|otp$"
)
# Their values are URLs, or have some in angle brackets: shown as URLs are.
_URL_HEADERS: Final = frozenset({"location", "content-location", "link", "referer", "refresh"})
_QUERY = re.compile(r"\?([^\s<>\"#]*)")
_FRAGMENT = re.compile(r"#[^\s<>\"]*")
_USER = re.compile(r"://[^\s<>\"/?#]*@")
_SIGNATURE_NAME = re.compile(r"signature|hmac|(?:^|_)sig$")
_SECRET_VALUE = re.compile(
    r"(?P<keep>\b(?:Bearer|Basic|Token)\s+)[A-Za-z0-9._~+/=-]{6,}"  # authorization schemes
    r"|(?P<url>://)[^/\s:@]*:[^/\s@]+(?=@)"  # credentials in a URL
    r"|\b(?:whsec|gwk|whpk|whsk)_[A-Za-z0-9+/=_-]+"  # Standard Webhooks secrets and keys, our API keys
    r"|\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]+"  # Stripe
    r"|\bgh[opsur]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}"  # GitHub, GitLab
    r"|\bxox[abeoprs]-[A-Za-z0-9-]+|\bxapp-[A-Za-z0-9-]+"  # Slack
    r"|\bshp(?:at|ca|pa|ss)_[A-Fa-f0-9]{16,}"  # Shopify
    r"|\bAKIA[A-Z0-9]{16}\b"  # AWS
    # JSON Web Tokens, with what stands before them up to a separator: so that each run of characters is read once,
    # however often it could begin a token.
    r"|(?<![\w-])(?=[\w-]*\beyJ)[\w-]{11,}\.[\w-]{8,}\.[\w-]*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)",
    re.DOTALL | re.IGNORECASE,
)


def is_secret_name(name: str) -> bool:
    """Whether a header or field called `name` holds a secret, as far as its name tells."""
    # Names come from strangers: what is remembered of them has a bound.
    return _remembered(name) if len(name) <= MAX_REMEMBERED_CHARACTERS else _is_secret(name)


def is_signature_name(name: str) -> bool:
    """Whether the name tells of a signature, which proves without revealing: worth nothing without its secret."""
    return _SIGNATURE_NAME.search(name.lower().replace("-", "_")) is not None


def is_credential_name(name: str) -> bool:
    """Whether a header or field called `name` holds what others could use, as far as its name tells."""
    return is_secret_name(name) and not is_signature_name(name)


def redact_text(text: str) -> str:
    """`text` without the secrets that can be recognised by their form."""
    return _SECRET_VALUE.sub(_replacement, text)


def redact_headers(headers: Iterable[tuple[str, str]], proofs: Collection[str]) -> list[tuple[str, str]]:
    """The same headers in the same order, without the values that must not be shown.

    `proofs` are the names, in lower case, that are known to carry a proof, whatever they are called. URLs in headers
    that are made of them (`Location`, `Link`) are shown as by `redact_url`.
    """
    return [(name, _redact_header(name.lower(), value, proofs)) for name, value in headers]


def redact_url(url: str, *, hide_last_segment: bool = False) -> str:
    """`url` without the values of its query, credentials before its host and its fragment: vendors put secrets there.

    `hide_last_segment`: for those that put one at the end of the path. For people; nothing can be verified with it.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(a URL that cannot be read)"
    path = parts.path.rpartition("/")[0] + f"/{HIDDEN}" if hide_last_segment else parts.path
    shown = SplitResult(parts.scheme, parts.netloc.rpartition("@")[2], path, _redact_query(parts.query), "")
    return redact_text(shown.geturl())


def redact_record(_logger: object, _method: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: takes secrets out of every field, nested ones too."""
    for name, value in record.items():
        record[name] = _redact_field(name, value, MAX_DEPTH)
    return record


def _is_secret(name: str) -> bool:
    normal = name.lower().replace("-", "_")
    _, own_header, rest = normal.partition("x_")
    return (bool(own_header) and "auth" in rest) or _SECRET_NAME.search(normal) is not None


_remembered = lru_cache(maxsize=4096)(_is_secret)


def _redact_header(name: str, value: str, proofs: Collection[str]) -> str:
    if name in proofs or is_secret_name(name):
        return REDACTED
    if name in _URL_HEADERS:
        value = _USER.sub("://", _FRAGMENT.sub("", value))
        value = _QUERY.sub(lambda match: f"?{_redact_query(match[1])}", value)
    return redact_text(value)


def _redact_query(query: str) -> str:
    pairs = [pair.partition("=") for pair in query.split("&", MAX_QUERY_FIELDS) if pair][:MAX_QUERY_FIELDS]
    return "&".join(f"{name}={HIDDEN}" if equals else HIDDEN for name, equals, _value in pairs)


def _redact_field(name: object, value: object, depth: int) -> object:
    if isinstance(name, str) and is_secret_name(name) and not isinstance(value, bool | int | float | None):
        return REDACTED
    return _redact_value(value, depth)


def _redact_value(value: object, depth: int) -> object:
    if isinstance(value, str):
        return redact_text(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        # Bytes are bodies, keys or sealed values: nothing for a log.
        return f"[{len(value)} bytes]"
    if depth == 0:
        return REDACTED
    if isinstance(value, Mapping):
        return {name: _redact_field(name, item, depth - 1) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact_value(item, depth - 1) for item in value]
    return redact_text(str(value))


def _replacement(match: re.Match[str]) -> str:
    return (match["keep"] or match["url"] or "") + REDACTED
