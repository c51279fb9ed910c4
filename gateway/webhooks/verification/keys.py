"""Secrets and public keys, from what the operator typed to what a signature is checked with."""

from __future__ import annotations

import binascii
import hashlib
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

from gateway.providers.webhook.parts import Key
from gateway.webhooks.verification.credentials import Credentials
from gateway.webhooks.verification.rejection import mismatch

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey
Secrets = Callable[[Credentials], list[bytes]]

_Step = Callable[[bytes], bytes]


def secrets_of(key: Key) -> Secrets:
    """The key bytes of every secret that can be used; raises Rejected when there is none (fail closed)."""
    steps = tuple(_step(step) for step in key.steps)

    def read(credentials: Credentials) -> list[bytes]:
        found = []
        unusable = 0
        for secret in credentials.secrets:
            value = secret if isinstance(secret, bytes) else secret.encode("utf-8", "surrogatepass")
            try:
                for step in steps:
                    value = step(value)
            except ValueError:
                unusable += 1
                continue
            if value:
                found.append(value)
        if not found:
            raise mismatch(
                f"none of the {unusable} secrets is written as this scheme wants it ({', '.join(key.steps)})"
                if unusable
                else "the source has no secret"
            )
        return found

    return read


def public_keys_of(key: Key) -> Callable[[Credentials], list[PublicKey]]:
    """Every public key that can be used; raises Rejected when there is none."""
    form, strip = key.format or "pem", key.strip

    def read(credentials: Credentials) -> list[PublicKey]:
        texts = [text.strip().removeprefix(strip) for text in credentials.public_keys if text.strip()]
        if not texts:
            raise mismatch("the source has no public key")
        found = [loaded for text in texts if (loaded := load_public_key(form, text)) is not None]
        if not found:
            raise mismatch(f"none of the {len(texts)} public keys is in the format {form}")
        return found

    return read


@lru_cache(maxsize=512)
def load_public_key(form: str, text: str) -> PublicKey | None:
    """A public key from its text; None when it is none of a kind that schemes use."""
    try:
        if form == "pem":
            loaded = load_pem_public_key(text.encode())
        elif form == "spki-base64":
            loaded = load_der_public_key(decode_base64(text.encode()))
        elif form == "ed25519-hex":
            loaded = Ed25519PublicKey.from_public_bytes(binascii.unhexlify(text))
        else:
            loaded = Ed25519PublicKey.from_public_bytes(decode_base64(text.encode()))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return loaded if isinstance(loaded, RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey) else None


def decode_base64(value: bytes) -> bytes:
    """Strict base64; the padding at the end may be missing."""
    return binascii.a2b_base64(value.rstrip(b"=") + b"=" * (-len(value.rstrip(b"=")) % 4), strict_mode=True)


def decode_base64url(value: bytes) -> bytes:
    if b"+" in value or b"/" in value:
        raise ValueError("not base64url")
    return decode_base64(value.translate(bytes.maketrans(b"-_", b"+/")))


def _nfkd(value: bytes) -> bytes:
    return unicodedata.normalize("NFKD", value.decode("utf-8", "surrogatepass")).encode("utf-8", "surrogatepass")


_STEPS: dict[str, _Step] = {
    "base64": decode_base64,
    "base64url": decode_base64url,
    "hex": binascii.unhexlify,
    "nfkd": _nfkd,
    "sha1": lambda value: hashlib.sha1(value, usedforsecurity=False).digest() if value else b"",
    "sha256": lambda value: hashlib.sha256(value).digest() if value else b"",
    "utf8": lambda value: value,
}


def _step(step: str) -> _Step:
    name, _colon, text = step.partition(":")
    if name == "strip":
        return lambda value: value.removeprefix(text.encode())
    if name == "append":
        return lambda value: value + text.encode() if value else b""
    return _STEPS[name]
