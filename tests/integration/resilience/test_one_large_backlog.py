"""One destination with thousands due, and many with one each: nobody waits for the backlog."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from gateway.clock import SystemClock
from gateway.config import Settings
from gateway.db.database import Database
from tests.integration.delivery.conftest import Queue
from tests.services.sink_thread import sink_thread
from tests.services.workers import working

BACKLOG = 3000
OTHERS = 200
WORKERS = 3


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_many_small_ones_are_served_while_a_large_one_is_worked_on(settings: Settings, database: Database) -> None:
    queue = Queue(database, SystemClock())
    with sink_thread() as sink, ExitStack() as workers:
        queue.add(queue.destination("large", sink.url("/large")), BACKLOG)
        for number in range(OTHERS):
            queue.add(queue.destination(f"other-{number}", sink.url("/other")))
        for _ in range(WORKERS):
            workers.enter_context(working(settings))
        sink.wait_for(OTHERS, "/other")
        done = len(sink.at("/large"))
        sink.wait_for(BACKLOG, "/large")
    assert done < BACKLOG / 2
    assert queue.states() == {"delivered": BACKLOG + OTHERS}
