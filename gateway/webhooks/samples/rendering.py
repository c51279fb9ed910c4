"""Templates and filters of the notation, as a sender applies them. Written apart from the verification engine."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
import zlib
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, quote, urlsplit

from gateway.errors import InvalidInput
from gateway.providers.webhook.places import OptionalPart, Part, Place, Template
from gateway.webhooks.samples.request_draft import Draft

Step = Callable[[bytes, bytes], bytes]

FILTERS: Mapping[str, Step] = {
    "base64": lambda data, key: base64.b64encode(data),
    "base64url": lambda data, key: base64.b64encode(data, altchars=b"-_"),
    "crc32": lambda data, key: str(zlib.crc32(data)).encode(),
    "gunzip": lambda data, key: gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data,
    "hex": lambda data, key: data.hex().encode(),
    "hmac-sha1": lambda data, key: hmac.new(key, data, hashlib.sha1).digest(),
    "hmac-sha256": lambda data, key: hmac.new(key, data, hashlib.sha256).digest(),
    "json-string": lambda data, key: json.dumps(data.decode(), ensure_ascii=False).encode(),
    "lower": lambda data, key: data.lower(),
    "md5": lambda data, key: hashlib.md5(data, usedforsecurity=False).digest(),
    "sha1": lambda data, key: hashlib.sha1(data, usedforsecurity=False).digest(),
    "sha256": lambda data, key: hashlib.sha256(data).digest(),
    "unpad": lambda data, key: data.rstrip(b"="),
}


def render(template: Template, draft: Draft, key: bytes) -> bytes:
    """The bytes of a template. Raises `InvalidInput` when a part of it is not there."""
    return b"".join(_part(part, draft, key) for part in template.parts)


def value_of(place: Place, draft: Draft, key: bytes) -> bytes | None:
    """The bytes at a place, its filters applied; None when there is nothing."""
    data = _raw(place, draft, key)
    if data is None:
        return None
    for name in place.filters:
        data = FILTERS[name](data, key)
    return data


def _part(part: Part, draft: Draft, key: bytes) -> bytes:
    if isinstance(part, bytes):
        return part
    if isinstance(part, OptionalPart):
        values = [part if isinstance(part, bytes) else _within(part, draft, key) for part in part.parts]
        return b"" if None in values else b"".join(value for value in values if value is not None)
    value = value_of(part, draft, key)
    if value is None and not part.optional:
        raise InvalidInput(_absent(part))
    return value or b""


def _within(part: Place | OptionalPart, draft: Draft, key: bytes) -> bytes | None:
    return value_of(part, draft, key) if isinstance(part, Place) else _part(part, draft, key)


def _absent(place: Place) -> str:
    if place.kind == "option":
        return f"the source has no option {place.name}, which is part of what is signed"
    return f"{place.text} is not there, which is part of what is signed"


def _raw(place: Place, draft: Draft, key: bytes) -> bytes | None:
    match place.kind:
        case "body":
            return draft.body()
        case "secret":
            return key
        case "form_sorted":
            return "".join(name + draft.form[name] for name in sorted(draft.form)).encode()
        case "atlassian_qsh":
            return _query_string_hash(draft).encode()
        case _:
            text = draft.get(place)
            return None if text is None else text.encode()


def _query_string_hash(draft: Draft) -> str:
    """Atlassian's "canonical request" of a URL whose parameters are single."""
    parts = urlsplit(draft.url)
    prefix = urlsplit(draft.options.get("base_url", "")).path.rstrip("/")
    path = parts.path.removeprefix(prefix).rstrip("/") or "/"
    pairs = sorted(
        (quote(name, safe="-._~"), quote(value, safe="-._~"))
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    )
    query = "&".join(f"{name}={value}" for name, value in pairs if name != "jwt")
    return hashlib.sha256(f"{draft.method}&{path}&{query}".encode()).hexdigest()
