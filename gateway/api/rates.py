"""How many requests may be sent: by a key in each minute, and by all keys of a tenant where it has a limit. Counted in
each web process, and told in every answer.

The headers are those of draft-ietf-httpapi-ratelimit-headers-11, as structured fields. The library `limits` has no
storage in memory without a thread for each few requests.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.clock import Clock

KEY_WINDOW_SECONDS = 60
# What a tenant may send is a mean over so long.
TENANT_WINDOW_SECONDS = 10


class Policy(NamedTuple):
    """`quota` requests in any window of `seconds`."""

    name: str
    quota: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody stands by one policy: what is left, and after how many seconds a new window begins."""

    policy: Policy
    remaining: int
    reset_seconds: int
    is_exceeded: bool


class RequestRates:
    """At most `per_minute` requests of a key, 0 for any number. Safe in any thread."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._lock = threading.Lock()
        # By whose it is: when the window began, and how many came in it.
        self._windows: dict[str, tuple[float, int]] = {}

    def take(self, key_id: str, tenant_id: str, tenant_per_second: float | None) -> Sequence[Standing]:
        """Count a request; how its key and its tenant stand, as far as there are limits. What is over one of them is
        counted by no other.
        """
        found: list[Standing] = []
        if self.per_minute:
            found.append(self._take(key_id, Policy("key", self.per_minute, KEY_WINDOW_SECONDS)))
        if tenant_per_second is not None and not any(one.is_exceeded for one in found):
            quota = max(1, math.floor(tenant_per_second * TENANT_WINDOW_SECONDS))
            found.append(self._take(tenant_id, Policy("tenant", quota, TENANT_WINDOW_SECONDS)))
        return found

    def _take(self, whose: str, policy: Policy) -> Standing:
        now = self._clock.monotonic()
        with self._lock:
            began, count = self._windows.get(whose, (now, 0))
            if now - began >= policy.seconds:
                began, count = now, 0
            self._windows[whose] = began, count + 1
        reset_seconds = max(1, math.ceil(began + policy.seconds - now))
        remaining = max(0, policy.quota - count - 1)
        return Standing(policy, remaining, reset_seconds, is_exceeded=count >= policy.quota)


def headers(standings: Sequence[Standing]) -> Sequence[tuple[str, str]]:
    """What every answer says of them. Pure."""
    if not standings:
        return []
    policies = ", ".join(f'"{one.policy.name}";q={one.policy.quota};w={one.policy.seconds}' for one in standings)
    left = ", ".join(f'"{one.policy.name}";r={one.remaining};t={one.reset_seconds}' for one in standings)
    wait = [("Retry-After", str(one.reset_seconds)) for one in standings if one.is_exceeded]
    return [("RateLimit-Policy", policies), ("RateLimit", left), *wait]
