"""How often a source may be called. In memory: a rate holds per web process."""

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

    def wait_seconds(self, key: str, per_second: float) -> int | None:
        """None when this request may pass (it is counted), else how many seconds the caller should wait."""
        item = RateLimitItemPerSecond(max(1, round(per_second * WINDOW_SECONDS)), WINDOW_SECONDS)
        if self._limiter.hit(item, key):
            return None
        return min(WINDOW_SECONDS, math.ceil(1 / per_second))
