"""What a program shows as its key: `gwk_`, 26 characters that say which key it is, and 52 that nobody can guess.

Both in lower-case base32hex. The secret has 256 random bits, so that a plain SHA-256 of it can be stored: there is
nothing to guess that would have to be slowed down.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from typing import NamedTuple

PREFIX = "gwk_"
ID_PREFIX = "key_"
SECRET_BYTES = 32

_TOKEN = re.compile(r"gwk_([0-9a-v]{26})([0-9a-v]{52})", re.ASCII)


class Token(NamedTuple):
    """A key that was shown: the id of the key that it claims to be, and the digest of its secret."""

    key_id: str
    digest: bytes


def make_token(key_id: str) -> tuple[str, bytes]:
    """The text to hand out for the key with this id, and the digest to keep."""
    secret = base64.b32hexencode(secrets.token_bytes(SECRET_BYTES)).decode("ascii").rstrip("=").lower()
    return PREFIX + key_id.removeprefix(ID_PREFIX) + secret, _digest(secret)


def read_token(text: str) -> Token | None:
    """What `text` claims; None when it is not written as a key. Pure."""
    found = _TOKEN.fullmatch(text)
    return Token(ID_PREFIX + found[1], _digest(found[2])) if found else None


def is_of(token: Token, digest: bytes) -> bool:
    """Whether `token` has the secret that `digest` was made of; in constant time."""
    return hmac.compare_digest(token.digest, digest)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("ascii")).digest()
