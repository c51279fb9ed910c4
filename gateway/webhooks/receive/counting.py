"""What was stored, as metrics. Refusals are counted where they are made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gateway.clock import Clock, from_us
from gateway.events.repeats import Repeated
from gateway.telemetry.metrics import Metrics
from gateway.webhooks.receive.entry import Receipt, Submission


def count_stored(
    metrics: Metrics, clock: Clock, submissions: Sequence[Submission], receipts: Sequence[Receipt]
) -> list[Repeated]:
    """Count what one transaction stored: all at once, because counting one by one costs every request more than its
    answer does. What came again is returned.
    """
    now = clock.monotonic()
    providers: Counter[str] = Counter()
    repeats: list[Repeated] = []
    for submission, receipt in zip(submissions, receipts, strict=True):
        # Of a replay nothing was stored.
        for entry, appended in zip(submission.entries, receipt.appended, strict=receipt.replayed is None):
            if appended.is_duplicate:
                event = entry.event
                at = from_us(event.received_at)
                repeats.append(Repeated(appended.event_id, event.tenant_id, 1, at, event.request_id))
            else:
                providers[entry.event.provider] += 1
    metrics.committed(len(submissions))
    for provider, count in providers.items():
        metrics.received(provider, count)
    metrics.duplicates(len(repeats))
    metrics.ingested([now - submission.began for submission in submissions])
    return repeats
