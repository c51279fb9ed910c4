"""What was stored, as metrics. Refusals are counted where they are made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gateway.clock import Clock
from gateway.telemetry.metrics import Metrics
from gateway.webhooks.receive.entry import Receipt, Submission


def count_stored(
    metrics: Metrics, clock: Clock, submissions: Sequence[Submission], receipts: Sequence[Receipt]
) -> None:
    """Count what one transaction stored: all at once, because counting one by one costs every request more than its
    answer does.
    """
    now = clock.monotonic()
    providers: Counter[str] = Counter()
    duplicates = 0
    for submission, receipt in zip(submissions, receipts, strict=True):
        # Of a replay nothing was stored.
        for entry, appended in zip(submission.entries, receipt.appended, strict=receipt.replayed is None):
            if appended.is_duplicate:
                duplicates += 1
            else:
                providers[entry.event.provider] += 1
    metrics.committed(len(submissions))
    for provider, count in providers.items():
        metrics.received(provider, count)
    metrics.duplicates(duplicates)
    metrics.ingested([now - submission.began for submission in submissions])
