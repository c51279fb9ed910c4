"""What ingest hands to the journal, and what it gets back."""

from __future__ import annotations

from typing import NamedTuple

from gateway.delivery.queue.enqueue import DeliveryRow
from gateway.events.append import Appended, EventRow
from gateway.jobs.from_events import EventJob
from gateway.webhooks.proofs.accept import ProofRow


class Entry(NamedTuple):
    """An event with its deliveries. `follow_ups` are events of our own about it (a route that failed), `job` is what it
    asks for: stored only if the event is new. `is_redelivered`: if it is not new, the one that is there is delivered
    again.
    """

    event: EventRow
    deliveries: tuple[DeliveryRow, ...]
    follow_ups: tuple[Entry, ...] = ()
    job: EventJob | None = None
    is_redelivered: bool = False


class Submission(NamedTuple):
    """The events of one request: they are stored together or not at all. `began` is when the request was read, on the
    steady clock, in seconds. With a `proof` they are stored only if that was not accepted before; its `event_id` is the
    first event's. `may_repeat`: or if it was accepted for the same.
    """

    entries: tuple[Entry, ...]
    began: float
    proof: ProofRow | None = None
    may_repeat: bool = False

    @property
    def events(self) -> list[EventRow]:
        """What is to be stored in the journal."""
        return [entry.event for entry in self.entries]


class Receipt(NamedTuple):
    """What became of a submission: one `Appended` per entry, in order. None where nothing was stored because the proof
    had been accepted for something else; `replayed` is the id of the first event of that. `jobs` deliver again what
    came again.
    """

    appended: tuple[Appended, ...]
    replayed: str | None = None
    jobs: tuple[EventJob, ...] = ()


def submission_bytes(submission: Submission) -> int:
    """About how much memory a submission takes."""
    size = 0
    for event, deliveries, *_ in submission.entries:
        size += 1024 + len(event.body) + len(event.headers) + 512 * len(deliveries)
        for row in deliveries:
            if row.payload is not None:
                size += len(row.payload)
    return size
