"""Workers whose machines disagree about the time by a minute: what one holds, the other leaves to it."""

from __future__ import annotations

import pytest

from gateway.clock import MICROSECONDS, SystemClock
from gateway.config import Settings
from gateway.db.database import Database
from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.destinations.management import add_destination
from gateway.delivery.models import DeliveryState
from gateway.installation import Installation
from gateway.tenants.acting import act
from tests.services.acting import TESTER
from tests.services.rows import store_event
from tests.services.sink_thread import sink_thread
from tests.services.tables import tables_of
from tests.services.workers import working

DELIVERIES = 40


class Apart(SystemClock):
    """The clock of a machine that is off by `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._off_us = round(seconds * MICROSECONDS)

    def now_us(self) -> int:
        return super().now_us() + self._off_us


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
        with working(settings, SystemClock()) as stop:
            sink.wait_for(DELIVERIES, "/held")
            # From here on only the other one takes anything; with its first look it would take what seems to be left.
            stop()
            with working(settings, Apart(seconds)):
                store_event(database, installation.now(), states=[DeliveryState.PENDING], destination_id=other)
                sink.wait_for(1, "/other")
                sink.is_let_go.set()
                with tables_of(settings.database_url) as tables:
                    tables.wait_until_all_are("delivered")
                    assert tables.outcomes() == {"delivered": DELIVERIES + 1}
        assert len(sink.at("/held")) == DELIVERIES
