"""Bodies of requests that are sent compressed (RFC 9110, 8.4.1.3), where a system takes that.

It happens before credentials are added: a signature is over the bytes that travel, as AWS and RFC 9421 want it.
"""

from __future__ import annotations

import gzip
import threading
from typing import Final

from gateway.clients.values import Call

_LEVEL: Final = 6
_MAX_REFUSALS: Final = 1000
# Signers of OAuth 1.0a read a form (RFC 5849, 3.4.1.3), and the others are compressed already.
_AS_THEY_ARE: Final = (
    "application/x-www-form-urlencoded",
    "application/gzip",
    "application/zip",
    "application/pdf",
    "audio/",
    "image/",
    "video/",
)


class Compression:
    """Compresses bodies of at least `min_bytes`, None for none, until a system refuses it. Safe from any thread.

    A system refuses it by 415 to the compressed body alone, which is remembered for that path as logs show it.
    """

    def __init__(self, min_bytes: int | None) -> None:
        self._min_bytes = min_bytes
        self._lock = threading.Lock()
        self._refusals: set[tuple[str, str]] = set()

    def compressed(self, call: Call, wanted: bool | None = None) -> Call | None:
        """`call` with a compressed body; None where it goes as it is. `wanted` decides for this call, at any size."""
        body = call.body
        if body is None or wanted is False or call.header("Content-Encoding") is not None:
            return None
        if wanted is None and (self._min_bytes is None or len(body) < self._min_bytes):
            return None
        content_type = (call.header("Content-Type") or "").lower()
        if content_type.startswith(_AS_THEY_ARE) or (call.method, call.template) in self._refusals:
            return None
        small = gzip.compress(body, _LEVEL, mtime=0)
        return call.with_body(small, ("Content-Encoding", "gzip")) if len(small) < len(body) else None

    def refused(self, call: Call) -> None:
        """The system took `call` only as it is."""
        with self._lock:
            if len(self._refusals) < _MAX_REFUSALS:
                self._refusals.add((call.method, call.template))
