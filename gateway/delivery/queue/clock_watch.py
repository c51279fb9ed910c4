"""Noticing that the machine's clock was set: the wall clock against the steady one. No I/O beside the clock."""

from __future__ import annotations

from enum import Enum

from gateway.clock import MICROSECONDS, Clock

TOLERANCE_SECONDS = 5.0


class ClockJump(Enum):
    """What the wall clock did since the last look."""

    NONE = "none"
    FORWARD = "forward"
    BACKWARD = "backward"


class ClockWatch:
    """Compares how far both clocks went between two looks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen = (clock.now_us(), clock.monotonic())

    def look(self) -> ClockJump:
        """Whether the wall clock jumped since the last look."""
        now_us, steady = self._clock.now_us(), self._clock.monotonic()
        ahead_seconds = (now_us - self._seen[0]) / MICROSECONDS - (steady - self._seen[1])
        self._seen = (now_us, steady)
        if abs(ahead_seconds) <= TOLERANCE_SECONDS:
            return ClockJump.NONE
        return ClockJump.FORWARD if ahead_seconds > 0 else ClockJump.BACKWARD
