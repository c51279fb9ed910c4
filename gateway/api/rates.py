"""How many requests a key may send: so many in each minute of a web process, told in every answer.

The headers are those of draft-ietf-httpapi-ratelimit-headers-11, as structured fields. The library `limits` has no
storage in memory without a thread for each few requests.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.clock import Clock

WINDOW_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Standing:
    """How a key stands: what it may send in a window, what is left, and after how many seconds a new window begins."""

    quota: int
    remaining: int
    reset_seconds: int
    is_exceeded: bool = False

    def headers(self) -> Sequence[tuple[str, str]]:
        """What every answer to the key says."""
        found = [
            ("RateLimit-Policy", f'"key";q={self.quota};w={WINDOW_SECONDS}'),
            ("RateLimit", f'"key";r={self.remaining};t={self.reset_seconds}'),
        ]
        return [*found, ("Retry-After", str(self.reset_seconds))] if self.is_exceeded else found


class RequestRates:
    """At most `per_minute` requests of a key, 0 for any number. Safe in any thread."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._lock = threading.Lock()
        # By the key's id: when its window began, and how many came in it.
        self._windows: dict[str, tuple[float, int]] = {}

    def take(self, key_id: str) -> Standing | None:
        """Count a request of the key; None where there is no limit."""
        if not self.per_minute:
            return None
        now = self._clock.monotonic()
        with self._lock:
            began, count = self._windows.get(key_id, (now, 0))
            if now - began >= WINDOW_SECONDS:
                began, count = now, 0
            self._windows[key_id] = began, count + 1
        reset_seconds = max(1, math.ceil(began + WINDOW_SECONDS - now))
        remaining = max(0, self.per_minute - count - 1)
        return Standing(self.per_minute, remaining, reset_seconds, is_exceeded=count >= self.per_minute)
