"""Random values that nobody can guess: unguessable slugs and signing secrets.

Encryption keys come from `sealing`, identifiers (which only have to be unique) from `identifiers`.
"""

from __future__ import annotations

import base64
import re
import secrets

SLUG_PREFIX = "src_"
SLUG_BYTES = 20
SIGNING_PREFIX = "whsec_"
SECRET_BYTES = 32
# The fewest and the most, by the standard.
SIGNING_SECRET_BYTES = 24, 64

_UNGUESSABLE = re.compile(r"src_[A-Za-z0-9_-]{32,}")
_FEWEST_DIFFERENT_CHARACTERS = 12


def random_slug() -> str:
    """A slug that cannot be guessed: `src_` and 32 characters of lower-case base32 (160 bits)."""
    return SLUG_PREFIX + base64.b32encode(secrets.token_bytes(SLUG_BYTES)).decode("ascii").lower()


def is_unguessable(slug: str) -> bool:
    """Whether `slug` looks like one of `random_slug`: long enough, and not `src_aaaa…` typed by a person."""
    if not _UNGUESSABLE.fullmatch(slug):
        return False
    return len(set(slug.removeprefix(SLUG_PREFIX))) >= _FEWEST_DIFFERENT_CHARACTERS


def generate_signing_secret() -> str:
    """A Standard Webhooks signing secret: `whsec_` and base64 of 32 random bytes (the standard asks for 24 to 64)."""
    return SIGNING_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")


def is_signing_secret(text: str) -> bool:
    """Whether `text` is one as the standard has them, whoever made it."""
    if not text.startswith(SIGNING_PREFIX):
        return False
    try:
        value = base64.b64decode(text.removeprefix(SIGNING_PREFIX), validate=True)
    except ValueError:
        return False
    least, most = SIGNING_SECRET_BYTES
    return least <= len(value) <= most
