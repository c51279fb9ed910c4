"""One line in the log for each request to a source, so that an `X-Request-Id` is found there.

What is refused has a budget of its own: a flood of the one does not hide the other.
"""

from __future__ import annotations

from gateway.clock import Clock
from gateway.telemetry.line_budget import LineBudget
from gateway.telemetry.logging import get_logger
from gateway.webhooks.arrival import Answer, Arrival

LINES_PER_SECOND = 50

_log = get_logger(__name__)


class RequestLines:
    """Writes the lines of one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._taken = LineBudget(clock, LINES_PER_SECOND)
        self._refused = LineBudget(clock, LINES_PER_SECOND)

    def answered(self, arrival: Arrival, answer: Answer) -> None:
        """`arrival` is about to be answered."""
        left_out = (self._taken if answer.reason is None else self._refused).take()
        if left_out is None:
            return
        fields: dict[str, object] = {
            "request_id": arrival.request_id,
            "tenant": arrival.tenant,
            "source": arrival.source,
            "status": answer.status,
            "reason": answer.reason,
            "ms": round((self._clock.monotonic() - arrival.began) * 1000, 1),
            "bytes": len(arrival.body),
        }
        if left_out:
            fields["left_out"] = left_out
        _log.info("webhook answered", **fields)
