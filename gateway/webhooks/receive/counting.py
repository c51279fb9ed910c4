"""What was stored, as metrics. Refusals are counted where they are made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gateway.clock import Clock, from_us
from gateway.delivery.models import DeliveryState
from gateway.events.repeats import Repeated
from gateway.telemetry.line_budget import LineBudget
from gateway.telemetry.logging import get_logger
from gateway.telemetry.metrics import Metrics
from gateway.webhooks.receive.entry import Entry, Receipt, Submission

DEATHS_PER_SECOND = 10

_log = get_logger(__name__)


def count_stored(
    metrics: Metrics,
    clock: Clock,
    submissions: Sequence[Submission],
    receipts: Sequence[Receipt],
    deaths: LineBudget,
) -> list[Repeated]:
    """Count what one transaction stored: all at once, because counting one by one costs every request more than its
    answer does. What came again is returned.
    """
    now = clock.monotonic()
    providers: Counter[str] = Counter()
    sources: Counter[tuple[str, str]] = Counter()
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
                sources[entry.event.tenant_id, entry.event.source] += 1
                if entry.follow_ups:
                    _tell_of_deaths(entry, deaths)
    metrics.committed(len(submissions))
    for provider, count in providers.items():
        metrics.received(provider, count)
    for (tenant_id, source), count in sources.items():
        metrics.received_of(tenant_id, source, count)
    metrics.duplicates(len(repeats))
    metrics.ingested([now - submission.began for submission in submissions])
    return repeats


def _tell_of_deaths(entry: Entry, budget: LineBudget) -> None:
    """A line for each delivery that its route kept from being tried at all, as far as the budget lets."""
    for row in entry.deliveries:
        left_out = budget.take() if row.state == DeliveryState.DEAD else None
        if left_out is None:
            continue
        _log.warning(
            "delivery is dead: its route failed; replay it when the route is mended",
            delivery_id=row.id,
            event_id=row.event_id,
            route_id=row.route_id,
            source=entry.event.source,
            reason=row.reason,
            **({"left_out": left_out} if left_out else {}),
        )
