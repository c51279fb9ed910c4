"""Workers whose machines disagree about the time by a minute: what one holds, the other leaves to it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from gateway.clock import MICROSECONDS, SystemClock
from gateway.config import Settings
from gateway.db.database import Database
from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.destinations.management import add_destination
from gateway.delivery.models import DeliveryState
from gateway.engines.parts import opened_parts
from gateway.installation import Installation
from gateway.tenants.acting import act
from tests.services.acting import TESTER
from tests.services.rows import store_event
from tests.services.sink_thread import sink_thread
from tests.services.tables import tables_of

DELIVERIES = 40


class Apart(SystemClock):
    """The clock of a machine that is off by `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._off_us = round(seconds * MICROSECONDS)

    def now_us(self) -> int:
        return super().now_us() + self._off_us


@contextmanager
def working(settings: Settings, seconds: float) -> Iterator[Callable[[], None]]:
    """A worker on a machine that is off by `seconds`; gives what tells it to end."""
    with (
        Installation(settings, clock=Apart(seconds)) as installation,
        opened_parts(installation, shutdown_deadline_seconds=60, handler_processes=1) as parts,
        asyncio.Runner() as runner,
    ):
        loop = runner.get_loop()
        thread = threading.Thread(target=lambda: loop.run_until_complete(parts.worker.run()))

        def stop() -> None:
            loop.call_soon_threadsafe(parts.stop)

        thread.start()
        try:
            yield stop
        finally:
            stop()
            thread.join(90)
        assert not thread.is_alive()


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
@pytest.mark.parametrize("seconds", [60.0, -60.0])
def test_what_one_worker_holds_is_left_to_it(settings: Settings, database: Database, seconds: float) -> None:
    with sink_thread() as sink, Installation(settings) as installation:
        with act(installation, actor=TESTER, write=True) as acting:
            held, other = (
                add_destination(acting, DestinationDraft(path, sink.url(f"/{path}"))).destination.id
                for path in ("held", "other")
            )
        for _ in range(DELIVERIES):
            store_event(database, installation.now(), states=[DeliveryState.PENDING], destination_id=held)
        with working(settings, 0.0) as stop:
            sink.wait_for(DELIVERIES, "/held")
            # From here on only the other one takes anything; with its first look it would take what seems to be left.
            stop()
            with working(settings, seconds):
                store_event(database, installation.now(), states=[DeliveryState.PENDING], destination_id=other)
                sink.wait_for(1, "/other")
                sink.is_let_go.set()
                with tables_of(settings.database_url) as tables:
                    tables.wait_until_all_are("delivered")
                    assert tables.outcomes() == {"delivered": DELIVERIES + 1}
        assert len(sink.at("/held")) == DELIVERIES
