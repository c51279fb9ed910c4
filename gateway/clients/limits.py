"""Rate limits that are ours: they hold calls back before the system would refuse them.

Windows that move, by the library `limits`; its storage is an argument, so that processes can share one. What a system
says about its limit (`until`) is remembered beside it, so that all who share it stop together.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage, Storage
from limits.strategies import MovingWindowRateLimiter

from gateway.clock import Clock, SystemClock

SMALLEST_WAIT_SECONDS: Final = 0.01


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `calls` in any `seconds` (whole seconds)."""

    calls: int
    seconds: int = 1

    def __post_init__(self) -> None:
        if self.calls < 1 or self.seconds < 1:
            raise ValueError("a rate lets at least one call through in at least one second")


class NotBefore(Protocol):
    """Until when a system asked to be left alone, by key. Safe to call from any thread."""

    def until(self, key: str) -> float:
        """Seconds since the epoch; 0 when it did not ask."""
        ...

    def hold(self, key: str, until: float) -> None:
        """Nobody calls before `until`; an earlier one that was kept stays when it is later."""
        ...


class MemoryNotBefore:
    """What this process was told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[str, float] = {}

    def until(self, key: str) -> float:
        return self._until.get(key, 0.0)

    def hold(self, key: str, until: float) -> None:
        with self._lock:
            self._until[key] = max(until, self._until.get(key, 0.0))


class RateLimit:
    """The limits of one system with one set of credentials, counted under `key`. Safe from any thread."""

    def __init__(
        self,
        key: str,
        rates: Sequence[Rate],
        *,
        storage: Storage | None = None,
        not_before: NotBefore | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._key = key
        self._clock = clock or SystemClock()
        self._not_before = not_before or MemoryNotBefore()
        self._limiter = MovingWindowRateLimiter(storage or MemoryStorage())
        self._items = tuple(RateLimitItemPerSecond(rate.calls, rate.seconds) for rate in rates)

    def wait_seconds(self, cost: int = 1) -> float:
        """0 when a call may be sent now, which counts; else how long to wait before asking again."""
        now = self._clock.now_us() / 1e6
        held = self._not_before.until(self._key) - now
        if held > 0:
            return held
        for item in self._items:
            if not self._limiter.test(item, self._key, cost=cost):
                return self._until_room(item, now)
        for item in self._items:
            if not self._limiter.hit(item, self._key, cost=cost):
                # Somebody was faster between the two.
                return self._until_room(item, now)
        return 0.0

    def hold(self, seconds: float) -> None:
        """The system asked not to be called for `seconds`."""
        self._not_before.hold(self._key, self._clock.now_us() / 1e6 + seconds)

    def _until_room(self, item: RateLimitItemPerSecond, now: float) -> float:
        stats = self._limiter.get_window_stats(item, self._key)
        return max(SMALLEST_WAIT_SECONDS, min(stats.reset_time - now, float(item.get_expiry())))
