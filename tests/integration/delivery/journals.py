"""A journal of events with destinations that they can be delivered to again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from gateway.clock import FakeClock, from_us
from gateway.delivery.event_replay.aim import Aim
from gateway.delivery.event_replay.counts import ReplayCounts
from gateway.delivery.event_replay.replay import BATCH, WhichEvents, plan_replay, replay_event, replay_next
from gateway.delivery.routes.draft import RouteDraft
from gateway.delivery.routes.management import add_route
from gateway.events.append import EventRow, append_events
from gateway.installation import Installation
from gateway.tenants.acting import Acting, Begin, act
from gateway.tenants.models import DEFAULT_TENANT
from tests.services.acting import TESTER
from tests.services.rows import store_event

ALL_OF_THEM = WhichEvents()
EVERYWHERE = Aim()
BODY = b'{"ref": "main", "n": %d}'


def replayed(begin: Begin, which: WhichEvents, aim: Aim) -> Iterator[ReplayCounts]:
    """Replay many as their job does; the counts so far, after each transaction."""
    counts, position = ReplayCounts(), ""
    while True:
        with begin() as acting:
            step = replay_next(acting, which, aim, after=position, plans=False)
        if step.last is None:
            return
        counts += step.counts
        yield counts
        if step.counts.events < BATCH:
            return
        position = step.last.id


@dataclass
class Journal:
    """An installation with the destinations `app` (ordered by `n`) and `audit`, and events to come."""

    installation: Installation
    clock: FakeClock

    def acting(self, tenant: str = DEFAULT_TENANT, *, write: bool = True) -> AbstractContextManager[Acting]:
        return act(self.installation, actor=TESTER, tenant=tenant, write=write)

    def reading(self) -> AbstractContextManager[Acting]:
        return self.acting(write=False)

    def came(self, ago: float = 3600.0, **values: Any) -> str:
        """An event that came `ago` seconds ago; its id."""
        at = from_us(self.clock.now_us()) - timedelta(seconds=ago)
        return store_event(self.installation.database, at, **values)

    def route(self, name: str = "late", destination: str = "app", source: str = "github", **values: Any) -> str:
        with self.acting() as acting:
            return add_route(acting, RouteDraft(source, destination, name=name, **values), sources={source}).id

    def destination_id(self, name: str) -> str:
        statement = text("SELECT id FROM destinations WHERE name = :name")
        with self.installation.database.read() as connection:
            return str(connection.execute(statement, {"name": name}).scalar_one())

    def one(self, event_id: str, aim: Aim = EVERYWHERE) -> ReplayCounts:
        with self.reading() as acting:
            planned = replay_event(acting, event_id, aim, plans=True)
        with self.acting() as acting:
            done = replay_event(acting, event_id, aim)
        assert planned == done, "what was said before is what was done"
        return done

    def many(self, aim: Aim, which: WhichEvents = ALL_OF_THEM) -> ReplayCounts:
        planned = [counted.counts for counted in plan_replay(self.reading, self.bounded(which), aim)]
        done = list(replayed(self.acting, self.bounded(which), aim))
        assert planned == done, "what was said before is what was done"
        return done[-1] if done else ReplayCounts()

    def bounded(self, which: WhichEvents) -> WhichEvents:
        """The same, of what came until now."""
        until = which.filter.until or from_us(self.clock.now_us())
        return WhichEvents(replace(which.filter, until=until), which.status)

    def deliveries(self) -> list[Any]:
        """All of them, by their ids, with the names of their destinations."""
        statement = text(
            "SELECT deliveries.*, destinations.name FROM deliveries "
            "JOIN destinations ON destinations.id = destination_id ORDER BY deliveries.id"
        )
        with self.installation.database.read() as connection:
            return list(connection.execute(statement))


def came_many(journal: Journal) -> list[str]:
    """Two batches and a bit, oldest first."""
    journal.came(3600.0, body=BODY % 1)
    with journal.installation.database.write() as connection:
        (first,) = connection.execute(text("SELECT * FROM events")).all()
        rows = [
            EventRow(**first._asdict() | {"id": f"{first.id[:-6]}{number:06}"}) for number in range(1, 2 * BATCH + 20)
        ]
        append_events(connection, rows)
    return sorted([first.id, *(row.id for row in rows)])
