"""Telling people and metrics what came of attempts: a line for what failed, with what happens next; counts for all."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.clock import MICROSECONDS, Clock
from gateway.delivery.models import DeliveryState
from gateway.delivery.queue.report import Recorded
from gateway.telemetry.logging import get_logger
from gateway.telemetry.metrics import Metrics

_log = get_logger(__name__)


class Reporter:
    """Reports for one worker."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock

    def report(self, recorded: Sequence[Recorded]) -> None:
        """Count and log what was recorded."""
        now_us = self._clock.now_us()
        for item in recorded:
            (claimed, target, result), decision, applied = item
            if result is None or decision is None:
                continue
            self._metrics.attempt(result.outcome.value)
            if target is not None:
                self._metrics.attempt_of(claimed.tenant_id, target.name, result.outcome.value)
            if decision.state is not DeliveryState.DELIVERED:
                self._report_failure(item, now_us)
            elif applied and claimed.event is not None and claimed.attempt == claimed.schedule_position + 1:
                # Not for a replay, whose event may be from last week.
                delivered_at_us = result.started_at_us + result.duration_ms * 1000
                self._metrics.delivered(max(0, delivered_at_us - claimed.event.received_at_us) / MICROSECONDS)

    def _report_failure(self, item: Recorded, now_us: int) -> None:
        (claimed, target, result), decision, applied = item
        assert result is not None
        assert decision is not None
        fields = {
            "delivery_id": claimed.id,
            "event_id": claimed.event_id,
            "destination": target.name if target else claimed.destination_id,
            "attempt": claimed.attempt,
            "outcome": result.outcome.value,
            "status": result.status,
            "error": result.error,
        }
        if not applied:
            _log.info("delivery failed; it has moved on since, nothing changes", **fields)
        elif decision.next_attempt_at_us is not None:
            pause_seconds = round((decision.next_attempt_at_us - now_us) / MICROSECONDS, 1)
            _log.info("delivery failed; it will be tried again", next_try_in_seconds=pause_seconds, **fields)
        else:
            _log.warning("delivery is dead; replay it when the cause is mended", reason=decision.reason, **fields)
        if decision.disables and applied:
            _log.warning("destination disabled: it says that it is gone", destination=fields["destination"])
