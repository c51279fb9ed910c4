"""How much failing is borne of one address at one source: in memory, per web process.

Who asks too often with proofs that do not hold is answered 429, and leaves no more rejections behind. Nobody else pays
for it: a request whose proof holds is accepted whoever else comes from its address, so that a vendor behind one proxy
with a stranger goes on, and one whose secret was mistyped is heard with the first request after that is mended.
Verifying costs no more than refusing, but for large bodies that have to be parsed to find their signature: of those,
all addresses over the limit have so many bytes a second looked at together, and wait with the rest.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address

from gateway.clock import Clock
from gateway.webhooks.sources.rows import SourceView

WINDOW_SECONDS = 60.0
# A failure counts once for each so many bytes: what it costs grows with them.
FAILURE_BYTES = 64 * 1024
# Addresses whose failures are remembered; the ones that failed longest ago are forgotten first.
REMEMBERED = 4096
# A tenth of one thread, about: a megabyte of a form of escapes takes 0.1 to 0.2 s.
PACED_BYTES_PER_SECOND = 512 * 1024


@dataclass(slots=True)
class _Failing:
    """`until` is when all of it is forgiven, on the steady clock. `source` is as it was when the proofs failed."""

    until: float
    source: SourceView


class FailedVerifications:
    """At most `per_minute` for one address at one source, at once or spread; 0 for any number. Safe in any thread."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._price_seconds = WINDOW_SECONDS / per_minute if per_minute else 0.0
        self._clock = clock
        self._known: OrderedDict[tuple[str, str], _Failing] = OrderedDict()
        self._lock = threading.Lock()
        self._paced_until = 0.0

    def failed(self, source: SourceView, address: str, size_bytes: int) -> int | None:
        """Count a request whose proof did not hold; the seconds to wait if it was one too many, else None."""
        if not self._price_seconds:
            return None
        key, now = (source.id, network_of(address)), self._clock.monotonic()
        with self._lock:
            known = self._live(key, source)
            until = max(now, known.until) if known is not None else now
            wait = until - now - (WINDOW_SECONDS - self._price_seconds)
            until += self._price_seconds * (1 + size_bytes // FAILURE_BYTES)
            # Failing on and on takes nobody further than one window.
            self._known[key] = _Failing(min(until, now + 2 * WINDOW_SECONDS), source)
            self._known.move_to_end(key)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return math.ceil(wait) if wait > 1e-6 else None

    def wait_seconds(self, source: SourceView, address: str, size_bytes: int) -> int | None:
        """Before a large body is parsed: the seconds to wait where its address is over the limit and it is not its
        turn, else None.
        """
        if not self._known:
            return None
        now = self._clock.monotonic()
        with self._lock:
            known = self._live((source.id, network_of(address)), source)
            if known is None or known.until - now <= WINDOW_SECONDS - self._price_seconds:
                return None
            if now < self._paced_until:
                return math.ceil(self._paced_until - now)
            self._paced_until = now + size_bytes / PACED_BYTES_PER_SECOND
        return None

    def _live(self, key: tuple[str, str], source: SourceView) -> _Failing | None:
        """What is known of `key`, as long as the source is still what it was: another secret is another chance."""
        known = self._known.get(key)
        return known if known is not None and source.verifies_like(known.source) else None


def network_of(address: str) -> str:
    """Whom an address stands for: itself, or its /64 where it is IPv6, of which everybody has as many as they like."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped is not None else str(IPv6Network((parsed, 64), strict=False))
    return address
