"""Time as an argument: nothing else in the project asks the machine what time it is.

Instants are aware UTC datetimes at the edges and integer microseconds since the epoch in the hot paths
(`now_us`), the unit in which the database keeps them.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

MICROSECONDS = 1_000_000


class Clock(Protocol):
    """A wall clock and a steady one. Both are safe to call from any thread."""

    def now_us(self) -> int:
        """Wall-clock time in microseconds since the epoch; may jump when the machine's clock is set."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary point; never jumps."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now_us(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()


class FakeClock:
    """A clock that moves only when told to."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now_us = to_us(start or datetime(2026, 1, 1, tzinfo=UTC))
        self._monotonic = 1000.0

    def now_us(self) -> int:
        return self._now_us

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass on both clocks."""
        self._now_us += round(seconds * MICROSECONDS)
        self._monotonic += seconds

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back by `seconds`; the steady clock stays."""
        self._now_us += round(seconds * MICROSECONDS)


def to_us(at: datetime) -> int:
    """Microseconds since the epoch of an aware datetime."""
    delta = at - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * MICROSECONDS + delta.microseconds


def iso(at: datetime) -> str:
    """ISO 8601: UTC, milliseconds, `Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_us(instant_us: int) -> datetime:
    """The aware UTC datetime of `instant_us` microseconds since the epoch."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant_us)
