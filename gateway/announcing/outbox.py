"""What waits to be published: bounded, each id once. Values, no I/O; for several threads under one lock of theirs."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from gateway.announcing.message import Message, deliveries_message, job_message

IDS_IN_MESSAGE = 250
MOST_WAITING = 10_000


class Outbox:
    """Ids of deliveries and jobs, in the order in which they came."""

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most = most
        self._deliveries: dict[str, None] = {}
        self._jobs: dict[tuple[str, str], None] = {}

    def __len__(self) -> int:
        return len(self._deliveries) + len(self._jobs)

    def add_deliveries(self, ids: Iterable[str]) -> int:
        """Keep `ids`; how many found no room."""
        refused = 0
        for id_ in ids:
            if id_ in self._deliveries:
                continue
            if len(self) >= self._most:
                refused += 1
            else:
                self._deliveries[id_] = None
        return refused

    def add_job(self, kind: str, job_id: str) -> int:
        """Keep a job; 1 when there was no room."""
        if (kind, job_id) in self._jobs:
            return 0
        if len(self) >= self._most:
            return 1
        self._jobs[kind, job_id] = None
        return 0

    def take(self) -> Message | None:
        """The next message, jobs first: they are few. None when nothing waits."""
        if self._jobs:
            kind, job_id = next(iter(self._jobs))
            del self._jobs[kind, job_id]
            return job_message(kind, job_id)
        ids = list(islice(self._deliveries, IDS_IN_MESSAGE))
        for id_ in ids:
            del self._deliveries[id_]
        return deliveries_message(ids) if ids else None

    def clear(self) -> int:
        """Forget everything; how much that was."""
        forgotten = len(self)
        self._deliveries.clear()
        self._jobs.clear()
        return forgotten
