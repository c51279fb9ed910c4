"""What all workers share about a destination, as a value: circuit, pacing, rate. Pure; `queue` reads and writes it."""

from __future__ import annotations

from typing import NamedTuple

from gateway.clock import MICROSECONDS
from gateway.delivery.decisions.circuit import CLOSED, Circuit
from gateway.delivery.decisions.policy import MAX_RETRY_AFTER_SECONDS

_FARTHEST_PAUSE_US = round(MAX_RETRY_AFTER_SECONDS * 1.1) * MICROSECONDS


class SharedState(NamedTuple):
    """A destination at one moment. `rate_tokens` is None for a full bucket. Instants in microseconds."""

    is_disabled: bool = False
    circuit: Circuit = CLOSED
    paused_until_us: int | None = None
    rate_tokens: float | None = None
    rate_refilled_at_us: int | None = None

    def is_paused(self, now_us: int) -> bool:
        """Whether `Retry-After` still holds. A time further away than it may ask for comes from a clock set back."""
        until_us = self.paused_until_us
        return until_us is not None and now_us < until_us <= now_us + _FARTHEST_PAUSE_US

    def tokens(self, rate_per_second: float, now_us: int) -> float:
        """Tries that the rate allows now: refilled by the time gone by, at most one second's worth, at least 1."""
        most = max(1.0, rate_per_second)
        if self.rate_tokens is None or self.rate_refilled_at_us is None:
            return most
        gone_by = max(0, now_us - self.rate_refilled_at_us) / MICROSECONDS
        return min(most, self.rate_tokens + gone_by * rate_per_second)
