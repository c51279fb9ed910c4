"""How much a request that leaves may take: time, bytes of the answer, threads. The one place for these numbers.

A delivery's time is its destination's setting; redirects are followed by nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Caps:
    """The bounds of one request: of everything together, from the name's lookup to the answer's last byte."""

    timeout_seconds: float
    max_bytes: int


DOCUMENT: Final = Caps(timeout_seconds=5.0, max_bytes=256 * 1024)
"""Of a small document: a certificate, a set of keys, a subscription's confirmation."""

PROVIDER: Final = Caps(timeout_seconds=10.0, max_bytes=1024 * 1024)
"""Of what is asked of a provider of accounts: tokens, metadata, whose account it is."""

OWN_GATEWAY: Final = Caps(timeout_seconds=30.0, max_bytes=1024 * 1024)
"""Of what the command line asks this gateway; the time is that of each step. What is larger is cut off."""

LOCAL_SERVER: Final = Caps(timeout_seconds=30.0, max_bytes=64 * 1024)
"""Of a server on which somebody develops; the time is that of each step. What is larger is cut off."""

PROBE_SECONDS: Final = 1.0
"""For the web processes to say that they are alive."""

DELIVERY_MAX_BYTES: Final = 1024 * 1024
"""Of a destination's answer."""

LOOKUP_THREADS: Final = 32
"""For the names that an event loop looks up at once."""
