"""JSON Web Tokens with a shared secret, made by hand from RFC 7515."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping

from gateway.errors import InvalidInput

_HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


def compact_token(algorithm: str, claims: Mapping[str, object], key: bytes) -> str:
    """A compact token. Raises `InvalidInput` for algorithms that need a key pair."""
    if algorithm not in _HASHES:
        raise InvalidInput(f"tokens with {algorithm} need a private key that only the vendor has")
    signed = f"{_segment({'alg': algorithm, 'typ': 'JWT'})}.{_segment(claims)}"
    return f"{signed}.{_base64url(hmac.new(key, signed.encode(), _HASHES[algorithm]).digest())}"


def _segment(value: Mapping[str, object]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
