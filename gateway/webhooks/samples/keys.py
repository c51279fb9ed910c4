"""From a secret as it is typed to the key that a sender signs with."""

from __future__ import annotations

import base64
import binascii
import hashlib
import unicodedata
from collections.abc import Sequence

from gateway.errors import InvalidInput


def key_of(secret: str, steps: Sequence[str]) -> bytes:
    """The key bytes of a secret. Raises `InvalidInput` when it is empty or not written as it must be."""
    if not secret:
        raise InvalidInput("the source holds no secret, so that nothing can be signed with it")
    key = secret.encode()
    for step in steps:
        name, _colon, text = step.partition(":")
        try:
            key = _stepped(name, text, key)
        except (binascii.Error, ValueError) as error:
            raise InvalidInput(f"the secret is not {name}, as this scheme wants it") from error
    return key


def _stepped(name: str, text: str, key: bytes) -> bytes:
    match name:
        case "strip":
            return key.removeprefix(text.encode())
        case "append":
            return key + text.encode()
        case "base64" | "base64url":
            bare = key.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
            return base64.b64decode(bare + b"=" * (-len(bare) % 4), validate=True)
        case "hex":
            return bytes.fromhex(key.decode())
        case "nfkd":
            return unicodedata.normalize("NFKD", key.decode()).encode()
        case "sha1":
            return hashlib.sha1(key, usedforsecurity=False).digest()
        case "sha256":
            return hashlib.sha256(key).digest()
        case _:
            return key
