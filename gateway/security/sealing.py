"""Sealing: secrets at rest, encrypted and tied to the place where they belong.

AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce per value. What a value is for (tenant, owner, field) is
authenticated with it, so that a sealed value copied to another row does not open. Where the keys come from is
`keyfile`'s and the settings' matter.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.config import KEY_BYTES
from gateway.errors import DecryptionFailed

VERSION: Final = b"\x01"
KEY_ID_BYTES: Final = 8
NONCE_BYTES: Final = 12
HEADER_BYTES: Final = len(VERSION) + KEY_ID_BYTES + NONCE_BYTES
TAG_BYTES: Final = 16


def generate_key() -> str:
    """A new random encryption key, as `GATEWAY_ENCRYPTION_KEYS` takes it."""
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii")


def key_id(key: bytes) -> bytes:
    """What names `key` in a sealed value without telling anything about it."""
    return hashlib.sha256(b"gateway key id\x00" + key).digest()[:KEY_ID_BYTES]


def key_named(sealed: bytes) -> str | None:
    """The id of the key that `sealed` says it was sealed with, in hex; None where it is no sealed value."""
    if len(sealed) < HEADER_BYTES + TAG_BYTES or sealed[:1] != VERSION:
        return None
    return sealed[len(VERSION) : len(VERSION) + KEY_ID_BYTES].hex()


class Keyring:
    """The encryption keys at hand: the first seals, every one opens.

    A sealed value is version (1 byte), key id (8), nonce (12), ciphertext and tag (16). `context` says what the value
    is, from the outside in: tenant, owner's id, field; the same context opens it again. Safe for any number of threads.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        """`keys` are 32 bytes each, at least one. Raises `ValueError` otherwise."""
        if not keys:
            raise ValueError("a keyring needs at least one key")
        if any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f"a key must be {KEY_BYTES} bytes")
        self._ciphers = {key_id(key): AESGCM(key) for key in keys}
        self._primary = key_id(keys[0])

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self.ids)})"

    @property
    def ids(self) -> tuple[str, ...]:
        """What names the keys, in hex; the one that seals first."""
        return tuple(identifier.hex() for identifier in self._ciphers)

    def seal(self, plaintext: bytes, *, context: Sequence[str]) -> bytes:
        """Encrypt `plaintext` for `context` with the first key."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        header = VERSION + self._primary
        ciphertext = self._ciphers[self._primary].encrypt(nonce, plaintext, _associated_data(header, context))
        return header + nonce + ciphertext

    def open(self, sealed: bytes, *, context: Sequence[str]) -> bytes:
        """The plaintext of `sealed`.

        Raises `DecryptionFailed` when its key is not at hand, when it was sealed for another context, or when it
        was changed.
        """
        if len(sealed) < HEADER_BYTES + TAG_BYTES or sealed[:1] != VERSION:
            raise DecryptionFailed("this is not a sealed value of a version that is known here")
        header = sealed[: len(VERSION) + KEY_ID_BYTES]
        cipher = self._ciphers.get(header[len(VERSION) :])
        if cipher is None:
            raise DecryptionFailed(
                f"sealed with key {header[len(VERSION) :].hex()}, which is not among the keys at hand: "
                "add it to GATEWAY_ENCRYPTION_KEYS"
            )
        nonce = sealed[len(header) : HEADER_BYTES]
        try:
            return cipher.decrypt(nonce, sealed[HEADER_BYTES:], _associated_data(header, context))
        except InvalidTag:
            raise DecryptionFailed("the sealed value was changed, or belongs to another owner or field") from None

    def can_open_key_of(self, sealed: bytes) -> bool:
        """Whether the key that `sealed` names is at hand, or it names none because it is not a sealed value."""
        return sealed[:1] != VERSION or sealed[len(VERSION) : len(VERSION) + KEY_ID_BYTES] in self._ciphers

    @property
    def current_prefix(self) -> bytes:
        """What every value begins with that is sealed with the first key."""
        return VERSION + self._primary

    def is_current(self, sealed: bytes) -> bool:
        """Whether `sealed` uses the first key, so that a rotation may leave it as it is."""
        return sealed.startswith(self.current_prefix)


def _associated_data(header: bytes, context: Sequence[str]) -> bytes:
    # Lengths before the parts: ("ab", "c") and ("a", "bc") must not read the same.
    parts = [part.encode("utf-8") for part in context]
    return header + b"".join(len(part).to_bytes(4, "big") + part for part in parts)
