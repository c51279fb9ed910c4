"""What happens after an attempt: outcome classes and the next state of a delivery (DESIGN 3.2). Pure.

Carrying it out is `record`'s part; what a destination as a whole suffers from is `circuit`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import NamedTuple

from gateway.clock import MICROSECONDS, to_us
from gateway.delivery.models import DeliveryState

JITTER = 0.2
MAX_RETRY_AFTER_SECONDS = 86_400.0
# A worker that dies says nothing about the destination: its last attempt does not count as the delivery's last.
LEASE_GRACE_ATTEMPTS = 3
LEASE_RETRY_SECONDS = 2.0

Random = Callable[[], float]  # from 0 up to 1, as `random.random`


class Outcome(StrEnum):
    """How one attempt ended."""

    DELIVERED = "delivered"  # 2xx, or the handler returned
    REDIRECT = "redirect"  # 3xx, never followed
    HTTP_4XX = "http_4xx"  # the endpoint refused it
    HTTP_5XX = "http_5xx"  # the endpoint failed
    TIMEOUT = "timeout"  # no whole answer before the deadline
    CONNECTION_ERROR = "connection_error"  # name, connection, TLS, or an answer that is not HTTP
    ADDRESS_FORBIDDEN = "address_forbidden"  # the SSRF guard refused
    RESPONSE_TOO_LARGE = "response_too_large"  # the answer did not end within the cap, whatever its status
    HANDLER_FAILED = "handler_failed"  # the handler raised, or is not known to this worker
    HANDLER_PERMANENT_FAILURE = "handler_permanent_failure"  # the handler raised PermanentFailure
    HANDLER_TIMEOUT = "handler_timeout"  # cut off
    HANDLER_CRASHED = "handler_crashed"  # its process ended
    LEASE_EXPIRED = "lease_expired"  # the worker that held it never reported
    EVENT_MISSING = "event_missing"  # the event was removed while its delivery waited
    MISCONFIGURED = "misconfigured"  # the request could not be built from the destination's settings


class AttemptResult(NamedTuple):
    """What came of one attempt. `retry_after_seconds` is what the endpoint asked for, bounded, or None."""

    outcome: Outcome
    started_at_us: int
    duration_ms: int
    status: int | None = None
    error: str | None = None
    excerpt: str | None = None
    retry_after_seconds: float | None = None


class Decision(NamedTuple):
    """What becomes of the delivery, and of its destination. Instants in microseconds.

    `next_attempt_at_us` is set for pending, `reason` for dead. `paused_until_us` paces the whole destination;
    `disables` takes it out of service.
    """

    state: DeliveryState
    schedule_position: int
    next_attempt_at_us: int | None = None
    reason: str | None = None
    paused_until_us: int | None = None
    disables: bool = False


def classify_status(status: int) -> Outcome:
    """The outcome class of a final HTTP status."""
    if 200 <= status < 300:
        return Outcome.DELIVERED
    if status < 400:
        return Outcome.REDIRECT
    return Outcome.HTTP_4XX if status < 500 else Outcome.HTTP_5XX


def decide(
    result: AttemptResult,
    *,
    position: int,
    schedule_seconds: Sequence[float],
    fatal_statuses: frozenset[int],
    now_us: int,
    random: Random,
) -> Decision:
    """The next state of a delivery whose attempt, the one after `position` failed ones, ended with `result`."""
    if result.outcome is Outcome.DELIVERED:
        return Decision(DeliveryState.DELIVERED, position)
    paused_until_us = None
    if result.retry_after_seconds is not None and result.status in (429, 503):
        paused_until_us = now_us + round(result.retry_after_seconds * MICROSECONDS)
    reason = _fatal_reason(result, fatal_statuses)
    if reason is None and position >= _last_position(result.outcome, len(schedule_seconds)):
        reason = "exhausted"
    if reason is not None:
        return Decision(
            DeliveryState.DEAD,
            position,
            reason=reason,
            paused_until_us=paused_until_us,
            disables=result.status == 410 and result.outcome is Outcome.HTTP_4XX,
        )
    if result.outcome is Outcome.LEASE_EXPIRED:
        pause_seconds = LEASE_RETRY_SECONDS * random()
    else:
        pause_seconds = jittered(schedule_seconds[position], random)
    next_attempt_at_us = max(now_us + round(pause_seconds * MICROSECONDS), paused_until_us or 0)
    return Decision(
        DeliveryState.PENDING,
        position + 1,
        next_attempt_at_us=next_attempt_at_us,
        paused_until_us=paused_until_us,
    )


def jittered(seconds: float, random: Random) -> float:
    """`seconds`, more or less by up to `JITTER`, so that what failed together does not come back together."""
    return seconds * (1 - JITTER + 2 * JITTER * random())


def parse_retry_after(value: str | None, now_us: int) -> float | None:
    """Seconds that a `Retry-After` header asks for (RFC 9110, 10.2.3), at most a day; None for what makes no sense."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        # Of a number with more digits only the cap is of interest, and int() must not read thousands of them.
        return min(float(int(text[:9])), MAX_RETRY_AFTER_SECONDS)
    try:
        at = parsedate_to_datetime(text[:64])
        at_us = to_us(at if at.tzinfo else at.replace(tzinfo=UTC))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    seconds = (at_us - now_us) / MICROSECONDS
    return min(seconds, MAX_RETRY_AFTER_SECONDS) if seconds > 0 else None


def _fatal_reason(result: AttemptResult, fatal_statuses: frozenset[int]) -> str | None:
    if result.outcome is Outcome.HANDLER_PERMANENT_FAILURE or result.outcome is Outcome.EVENT_MISSING:
        return result.outcome.value
    if result.outcome is Outcome.HTTP_4XX and result.status == 410:
        return "destination_gone"
    return "refused" if result.status in fatal_statuses else None


def _last_position(outcome: Outcome, pauses: int) -> int:
    return pauses + LEASE_GRACE_ATTEMPTS if outcome is Outcome.LEASE_EXPIRED else pauses
