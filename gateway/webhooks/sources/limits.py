"""How often a source may be called, and how many events a tenant may bring. In memory: a rate holds per web process."""

from __future__ import annotations

import math

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

WINDOW_SECONDS = 10


class RequestRate:
    """At most `per_second` requests on average over ten seconds, for each key by itself."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def wait_seconds(self, key: str, per_second: float, *, count: int = 1) -> int | None:
        """None when this may pass (it is counted, as `count`), else how many seconds the caller should wait.

        What is more than a whole window holds passes when the window is empty.
        """
        most = max(1, round(per_second * WINDOW_SECONDS))
        item = RateLimitItemPerSecond(most, WINDOW_SECONDS)
        if self._limiter.hit(item, key, cost=min(count, most)):
            return None
        return min(WINDOW_SECONDS, math.ceil(count / per_second))
