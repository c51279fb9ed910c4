"""What a transaction with the journal made due, for those who announce it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.jobs.from_events import EventJob
from gateway.webhooks.receive.entry import Receipt, Submission


def due_ids(submissions: Sequence[Submission], receipts: Sequence[Receipt], now_us: int) -> Iterator[str]:
    """The ids of the deliveries that were stored and may be tried now. Found one by one, as they are asked for."""
    for submission, receipt in zip(submissions, receipts, strict=True):
        # Of a replay nothing was stored.
        for entry, appended in zip(submission.entries, receipt.appended, strict=receipt.replayed is None):
            if not appended.is_duplicate:
                for stored in (entry, *entry.follow_ups):
                    yield from (row.id for row in stored.deliveries if row.is_due(now_us))


def due_jobs(submissions: Sequence[Submission], receipts: Sequence[Receipt]) -> Iterator[EventJob]:
    """The jobs that were stored."""
    for submission, receipt in zip(submissions, receipts, strict=True):
        yield from receipt.jobs
        for entry, appended in zip(submission.entries, receipt.appended, strict=receipt.replayed is None):
            if entry.job is not None and not appended.is_duplicate:
                yield entry.job
