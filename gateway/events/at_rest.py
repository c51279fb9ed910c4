"""What of a request is kept sealed, and what that is tied to. Sealing it is the matter of who stores a request."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.security.sealed_text import open_sealed
from gateway.security.sealing import Keyring


def request_context(tenant_id: str, source: str) -> Sequence[str]:
    """What secrets in a kept request are tied to: `source` is the slug that it is kept under."""
    return tenant_id, "request", source


def open_request_part(keyring: Keyring, kept: bytes, *, tenant_id: str, source: str) -> bytes:
    """A kept URL, header value or body with its secrets. Raises `DecryptionFailed`."""
    return open_sealed(keyring, kept, context=request_context(tenant_id, source))
