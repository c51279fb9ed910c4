"""How many lines of a kind a process writes: so many a second, the rest is counted. A flood must not cost the work that
it tells of.
"""

from __future__ import annotations

from gateway.clock import Clock


class LineBudget:
    """At most `per_second` lines in each second. Safe for any number of threads, which may be one or two lines off."""

    def __init__(self, clock: Clock, per_second: int) -> None:
        self._clock = clock
        self._per_second = per_second
        self._ends_at = 0.0
        self._left = 0
        self._left_out = 0

    def take(self) -> int | None:
        """None when this line is to be left out; else how many were since the last one that was not."""
        if self._left <= 0:
            now = self._clock.monotonic()
            if now < self._ends_at:
                self._left_out += 1
                return None
            self._ends_at, self._left = now + 1.0, self._per_second
        self._left -= 1
        left_out, self._left_out = self._left_out, 0
        return left_out
