"""Leases: somebody's right to a row until a moment in time, for rows that several processes work on.

A table with leases has three columns. `lease_token` is NULL while nobody holds the row, else it names the holder's
claim: whoever writes a result compares it, so that one who came too late changes nothing. `lease_expires_at` is when
others may take the row; `scheduled_at` is when that was decided, so that a clock set back shows as a decision in the
future. Instants are microseconds since the epoch.

Here are the parts that such a table's statements share, and `LeaseWatch`, which says when to look after leases on a
machine whose clock may be set. Which rows are taken, and what becomes of them, is their owner's matter.
"""

from __future__ import annotations

from enum import Enum

from gateway.clock import MICROSECONDS, Clock
from gateway.security.identifiers import new_id

# A clock that is off by less than this was not set; less is what two machines' clocks differ by.
CLOCK_TOLERANCE_SECONDS = 5.0

TAKE = "lease_token = :token, scheduled_at = :now_us"
"""Beside `lease_expires_at`, which may differ from row to row."""
LET_GO = "lease_token = NULL, lease_expires_at = NULL"
IS_HELD = "{row}.lease_token = {claim}.lease_token"
"""The comparison of every result: to be formatted with the names of the row and of what the holder knows."""
HAS_ENDED = "lease_expires_at <= :now_us"
PULL_BACK = "{column} = {column} - scheduled_at + :now_us, scheduled_at = :now_us"
"""Moves an instant that was decided at a time that has not come yet, by as much as the clock went back."""
IS_OF_ANOTHER_TIME = "{column} > :now_us AND scheduled_at > :limit_us"


def new_token() -> str:
    """The token of one claim; all the rows that it takes may share it."""
    return new_id("lse")


def expires_at_us(now_us: int, seconds: float) -> int:
    """When a lease of `seconds` that is taken now ends."""
    return now_us + round(seconds * MICROSECONDS)


def limit_us(now_us: int) -> int:
    """What was decided later than this was decided at another time, and not by a clock that differs a little."""
    return expires_at_us(now_us, CLOCK_TOLERANCE_SECONDS)


class ClockJump(Enum):
    """What the wall clock did since the last look."""

    NONE = "none"
    FORWARD = "forward"
    BACKWARD = "backward"


class LeaseWatch:
    """When one process looks for leases that have ended, and whether it must pull back what another time has left.

    Compares the wall clock with the steady one at every look. No I/O beside the clock; for one thread.
    """

    def __init__(self, clock: Clock, *, every_seconds: float) -> None:
        self._clock = clock
        self._every_seconds = every_seconds
        self._seen = (clock.now_us(), clock.monotonic())
        self._sweep_at = clock.monotonic()
        # Whoever ran before may have seen another time.
        self.must_pull_back = True

    def look(self) -> ClockJump:
        """Whether the clock was set since the last look.

        Set back: there is something to pull back. Set forward: every lease looks ended now, and is to be left alone.
        """
        now_us, steady = self._clock.now_us(), self._clock.monotonic()
        ahead_seconds = (now_us - self._seen[0]) / MICROSECONDS - (steady - self._seen[1])
        self._seen = (now_us, steady)
        if abs(ahead_seconds) <= CLOCK_TOLERANCE_SECONDS:
            return ClockJump.NONE
        if ahead_seconds < 0:
            self.must_pull_back = True
            return ClockJump.BACKWARD
        return ClockJump.FORWARD

    def leave_alone(self, longest_seconds: float) -> None:
        """Give those whose holder lives the time that they were meant to have: what a lease lasts at most."""
        self._sweep_at = self._clock.monotonic() + longest_seconds

    @property
    def is_sweep_due(self) -> bool:
        """Whether it is time to look for leases that have ended."""
        return self._clock.monotonic() >= self._sweep_at

    def swept(self) -> None:
        """All that had ended was found: look again after `every_seconds`."""
        self._sweep_at = self._clock.monotonic() + self._every_seconds

    def pulled_back(self) -> None:
        """What another time had left is mended."""
        self.must_pull_back = False
