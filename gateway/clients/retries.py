"""Whether a failed try is followed by another, and when. Pure, but for the budget, which counts.

Only what is safe to send twice is: idempotent methods, and writes that carry an idempotency key. A call that certainly
never reached the system is safe too, whatever it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.clients.errors import IntegrationError

Random = Callable[[], float]
"""A number in [0, 1)."""

BUDGET_RATIO: Final = 0.2
BUDGET_FLOOR: Final = 10.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most `max_tries` requests per call, with pauses of full jitter between 0 and an exponential bound.

    The bound is `first_pause_seconds` × 2ⁿ, at most `longest_pause_seconds`. A system that says when to come back is
    taken at its word, unless that is later than `longest_wait_seconds`: then the caller is told.
    """

    max_tries: int = 4
    first_pause_seconds: float = 0.5
    longest_pause_seconds: float = 20.0
    longest_wait_seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.max_tries < 1:
            raise ValueError("max_tries counts the first try too, and is at least 1")


NO_RETRIES: Final = RetryPolicy(max_tries=1)


def pause_before_next(
    policy: RetryPolicy,
    error: IntegrationError,
    *,
    tries: int,
    is_repeatable: bool,
    remaining_seconds: float,
    random: Random,
) -> float | None:
    """Seconds to wait before the next try, None when `error` is the caller's.

    `tries` were sent. `is_repeatable`: sending again does no harm. `remaining_seconds` is what is left of the call's
    time: a try that could not begin within it is not waited for.
    """
    if tries >= policy.max_tries or not error.retryable or not is_repeatable:
        return None
    if error.retry_after_seconds is not None:
        if error.retry_after_seconds > policy.longest_wait_seconds:
            return None
        # A little apart, so that all who were told the same time do not come at once.
        pause = error.retry_after_seconds + random() * min(1.0, policy.first_pause_seconds)
    else:
        bound = min(policy.first_pause_seconds * 2.0 ** min(tries - 1, 30), policy.longest_pause_seconds)
        pause = random() * bound
    return pause if pause < remaining_seconds else None


class RetryBudget:
    """How many of a system's requests may be repeats, so that a sick one is not hit harder.

    Every first try earns `ratio` of a repeat, up to `floor` of them kept; a repeat spends one. Safe from any thread.
    """

    def __init__(self, ratio: float = BUDGET_RATIO, floor: float = BUDGET_FLOOR) -> None:
        self._ratio = ratio
        self._floor = floor
        self._lock = threading.Lock()
        self._kept = floor

    def earn(self) -> None:
        """A call begins."""
        with self._lock:
            self._kept = min(self._floor, self._kept + self._ratio)

    def spend(self) -> bool:
        """Whether a repeat may be sent; it counts."""
        with self._lock:
            if self._kept < 1.0:
                return False
            self._kept -= 1.0
            return True
