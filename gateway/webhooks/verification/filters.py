"""The filters of the notation: bytes in, bytes out. Those with `hmac` are keyed by the secret being tried."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import zlib
from collections.abc import Callable, Mapping

from gateway.content.compression import inflated
from gateway.webhooks.verification.reading import Reading
from gateway.webhooks.verification.rejection import malformed

Filter = Callable[[Reading, bytes], bytes]


def _gunzip(reading: Reading, data: bytes) -> bytes:
    plain = inflated(data)
    if plain is None:
        raise malformed("the body begins like gzip and is not, or is cut short, too large or followed by more")
    return plain


def _json_string(reading: Reading, data: bytes) -> bytes:
    """The text as JavaScript's JSON.stringify writes it."""
    text = data.decode("utf-8", "surrogateescape")
    return json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogateescape")


FILTERS: Mapping[str, Filter] = {
    "base64": lambda reading, data: base64.b64encode(data),
    "base64url": lambda reading, data: base64.urlsafe_b64encode(data),
    "crc32": lambda reading, data: b"%d" % zlib.crc32(data),
    "gunzip": _gunzip,
    "hex": lambda reading, data: data.hex().encode(),
    "hmac-sha1": lambda reading, data: hmac.digest(reading.secret, data, "sha1"),
    "hmac-sha256": lambda reading, data: hmac.digest(reading.secret, data, "sha256"),
    "json-string": _json_string,
    "lower": lambda reading, data: data.lower(),
    "md5": lambda reading, data: hashlib.md5(data, usedforsecurity=False).digest(),
    "sha1": lambda reading, data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "sha256": lambda reading, data: hashlib.sha256(data).digest(),
    "unpad": lambda reading, data: data.rstrip(b"="),
}
