"""What a process announces, and to whom. Made once for an installation; called after commits, never within them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from gateway.announcing.pipe import Pipe
from gateway.announcing.publisher import Publisher


class Announcer(Protocol):
    """Tells somebody of committed work. Never blocks and never raises; whether anybody heard it is not known."""

    def deliveries(self, ids: Iterable[str]) -> None:
        """The deliveries `ids` are due now. Read within the call, or not at all: may be a generator."""

    def job(self, kind: str, job_id: str) -> None:
        """The job `job_id` of `kind` is due now."""


class Announcements:
    """An `Announcer`: the workers of this machine hear by the pipe, all workers by the broker. Safe to share."""

    def __init__(self, pipe: Pipe, publisher: Publisher | None = None) -> None:
        self.pipe = pipe
        self.publisher = publisher

    def deliveries(self, ids: Iterable[str]) -> None:
        """As `Announcer`."""
        if self.publisher is not None:
            ids = list(ids)
            self.publisher.deliveries(ids)
        if next(iter(ids), None) is not None:
            self.pipe.announce()

    def job(self, kind: str, job_id: str) -> None:
        """As `Announcer`."""
        if self.publisher is not None:
            self.publisher.job(kind, job_id)
        self.pipe.announce_job()

    def close(self) -> None:
        """Let go of what announces. Idempotent."""
        if self.publisher is not None:
            self.publisher.close()
        self.pipe.close()
