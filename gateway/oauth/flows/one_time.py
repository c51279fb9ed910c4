"""Values that somebody shows once: tokens of connect sessions, states of flows, cookies of browsers.

Each is random and kept as its SHA-256 only, so that a copy of the database opens nothing.
"""

from __future__ import annotations

import hashlib
import re
import secrets

TOKEN_BYTES = 32
# As `new_token` makes them: whatever looks otherwise is nobody's, and is not looked up.
FORM = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


def new_token() -> str:
    """256 random bits, as 43 characters that need no escaping in a URL."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest(token: str) -> bytes:
    """What is kept of `token`, which may be one that a provider made."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def digest_of_given(token: str | None) -> bytes | None:
    """The same of what somebody shows; None where it cannot be one of ours."""
    return digest(token) if token is not None and FORM.fullmatch(token) else None
