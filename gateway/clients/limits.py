"""Rate limits that are ours: they hold calls back before the system would refuse them.

Windows that move: this process's own, or by the library `limits`, with a storage that processes share. What a system
says about its limit is remembered beside it, so that all who share it stop together.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from limits import RateLimitItemPerSecond
from limits.storage import Storage
from limits.strategies import MovingWindowRateLimiter

from gateway.clock import MICROSECONDS, Clock, SystemClock

SMALLEST_WAIT_SECONDS: Final = 0.01


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `calls` in any `seconds` (whole seconds)."""

    calls: int
    seconds: int = 1

    def __post_init__(self) -> None:
        if self.calls < 1 or self.seconds < 1:
            raise ValueError("a rate lets at least one call through in at least one second")


class Windows(Protocol):
    """Counts calls by key in windows that move. Safe to call from any thread."""

    def take(self, key: str, rate: Rate) -> float:
        """0 when there is room for one call, which is counted; else seconds until there may be."""
        ...


class MemoryWindows:
    """The windows of this process. The library's own storage in memory starts a thread for each few calls."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._calls: dict[tuple[str, Rate], deque[float]] = {}

    def take(self, key: str, rate: Rate) -> float:
        now = self._clock.monotonic()
        with self._lock:
            calls = self._calls.setdefault((key, rate), deque())
            while calls and calls[0] <= now - rate.seconds:
                calls.popleft()
            if len(calls) < rate.calls:
                calls.append(now)
                return 0.0
            return max(SMALLEST_WAIT_SECONDS, calls[0] + rate.seconds - now)


class SharedWindows:
    """Windows in a storage of `limits` that several processes use (Redis, Memcached, …)."""

    def __init__(self, storage: Storage, clock: Clock | None = None) -> None:
        self._limiter = MovingWindowRateLimiter(storage)
        self._clock = clock or SystemClock()

    def take(self, key: str, rate: Rate) -> float:
        item = RateLimitItemPerSecond(rate.calls, rate.seconds)
        if self._limiter.hit(item, key):
            return 0.0
        stats = self._limiter.get_window_stats(item, key)
        wait = stats.reset_time - self._clock.now_us() / MICROSECONDS
        return max(SMALLEST_WAIT_SECONDS, min(wait, float(rate.seconds)))


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
        windows: Windows | None = None,
        not_before: NotBefore | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._key = key
        self._clock = clock or SystemClock()
        self._not_before = not_before or MemoryNotBefore()
        self._windows = windows or MemoryWindows(self._clock)
        # The widest first: what waits for it has used up nothing of the others.
        self._rates = tuple(sorted(rates, key=lambda rate: rate.seconds, reverse=True))

    def wait_seconds(self) -> float:
        """0 when a call may be sent now, which counts; else how long to wait before asking again."""
        held = self._not_before.until(self._key)
        if held:
            wait = held - self._clock.now_us() / MICROSECONDS
            if wait > 0:
                return wait
        for rate in self._rates:
            if wait := self._windows.take(self._key, rate):
                return wait
        return 0.0

    def hold(self, seconds: float) -> None:
        """The system asked not to be called for `seconds`."""
        self._not_before.hold(self._key, self._clock.now_us() / MICROSECONDS + seconds)
