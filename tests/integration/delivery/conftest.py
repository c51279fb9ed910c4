"""A queue to work on: destinations, events and deliveries put straight into the database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import text

from gateway.clock import FakeClock, from_us
from gateway.config import Settings
from gateway.db.database import Database
from gateway.delivery.decisions.policy import AttemptResult, Outcome
from gateway.delivery.decisions.target import Target
from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.destinations.management import add_destination
from gateway.delivery.models import Destination, DestinationKind
from gateway.delivery.queue.claim import Claimer, FreeSlots
from gateway.delivery.queue.claimed import Claimed
from gateway.delivery.queue.enqueue import DeliveryRow, insert_deliveries
from gateway.delivery.queue.record import record
from gateway.delivery.queue.report import Recorded, Report
from gateway.delivery.routes.routing import RoutingSnapshot
from gateway.events.append import EventRow, append_events
from gateway.events.system import Occurrence
from gateway.installation import Installation
from gateway.security.identifiers import new_id
from gateway.tenants.acting import Acting
from gateway.tenants.models import DEFAULT_TENANT, DEFAULT_TENANT_ID
from tests.integration.delivery.journals import Journal
from tests.services.acting import acting_on


@dataclass
class Queue:
    """The queue of one test, with one worker's claimer."""

    database: Database
    clock: Any
    targets: dict[str, Target] = field(default_factory=dict)
    occurrences: list[Occurrence] = field(default_factory=list)
    claimer: Claimer = field(default_factory=Claimer)

    def acting(self, tenant: str = DEFAULT_TENANT) -> AbstractContextManager[Acting]:
        """A transaction of somebody who looks after the queue."""
        return acting_on(self.database, self.clock, tenant=tenant)

    def routing(self) -> RoutingSnapshot:
        return RoutingSnapshot(targets=dict(self.targets), tenants={DEFAULT_TENANT_ID: "default"})

    def destination(self, name: str = "crm", url: str = "http://127.0.0.1:9/", **changes: Any) -> Target:
        target = Target(
            id=new_id("dst"),
            tenant_id=DEFAULT_TENANT_ID,
            name=name,
            kind=DestinationKind.HTTP,
            url=url,
            handler=None,
            timeout_seconds=10.0,
            concurrency=100,
            concurrency_is_shared=False,
            rate_per_second=None,
            schedule_seconds=(5.0, 30.0),
            ordering_key=None,
        )
        target = replace(target, **changes)
        now = from_us(self.clock.now_us())
        with self.database.system_session(write=True) as session:
            session.add(
                Destination(
                    id=target.id,
                    tenant_id=target.tenant_id,
                    name=name,
                    kind=target.kind,
                    url=target.url,
                    handler=target.handler,
                    fatal_statuses=[],
                    created_at=now,
                    updated_at=now,
                )
            )
        self.targets[target.id] = target
        return target

    def add(
        self,
        target: Target,
        count: int = 1,
        *,
        keys: Iterable[str | None] = (None,),
        body: bytes = b'{"n": 1}',
        payload: bytes | None = None,
        source: str = "github",
        type_: str | None = "push",
        headers: Iterable[tuple[str, str]] = (("X-GitHub-Event", "push"),),
    ) -> list[str]:
        """Put `count` events with a delivery for each of `keys` into the queue; the deliveries' ids."""
        now_us = self.clock.now_us()
        events, rows = [], []
        for _ in range(count):
            event_id = new_id("evt")
            events.append(
                EventRow(
                    id=event_id,
                    tenant_id=target.tenant_id,
                    source_id="src_1",
                    source=source,
                    provider="github",
                    type=type_,
                    dedupe_key=None,
                    received_at=now_us,
                    request_id=None,
                    method="POST",
                    url="http://gateway/webhooks/github",
                    content_type="application/json",
                    body_bytes=len(body),
                    headers=json.dumps(list(headers)).encode(),
                    body=body,
                )
            )
            for key in keys:
                rows.append(
                    DeliveryRow(
                        id=new_id("dlv"),
                        tenant_id=target.tenant_id,
                        event_id=event_id,
                        destination_id=target.id,
                        route_id=None,
                        state="pending",
                        ordering_key=key,
                        next_attempt_at=now_us,
                        created_at=now_us,
                        finished_at=None,
                        reason=None,
                        detail=None,
                        payload=payload,
                    )
                )
        with self.database.write() as connection:
            append_events(connection, events)
            insert_deliveries(connection, rows)
        return [row.id for row in rows]

    def claim(
        self, limit: int = 100, *, free: Mapping[str, int] | None = None, claimer: Claimer | None = None
    ) -> list[Claimed]:
        room = FreeSlots(limit, lambda target: (free or {}).get(target.id, target.concurrency))
        with self.database.write() as connection:
            return (claimer or self.claimer).claim(connection, self.targets, room, now_us=self.clock.now_us())

    def has_work(self, limit: int = 100) -> bool:
        room = FreeSlots(limit, lambda target: target.concurrency)
        with self.database.read() as connection:
            return self.claimer.has_work(connection, self.targets, room, now_us=self.clock.now_us())

    def result(self, outcome: Outcome = Outcome.DELIVERED, **fields: Any) -> AttemptResult:
        return AttemptResult(outcome, self.clock.now_us(), 5, **fields)

    def report(self, claimed: Iterable[Claimed], result: AttemptResult | None) -> list[Recorded]:
        reports = [Report(one, self.targets.get(one.destination_id), result) for one in claimed]
        with self.database.write() as connection:
            return record(connection, reports, journal=self._journal, now_us=self.clock.now_us(), random=lambda: 0.5)

    def row(self, delivery_id: str) -> Any:
        with self.database.read() as connection:
            return connection.execute(text("SELECT * FROM deliveries WHERE id = :id"), {"id": delivery_id}).one()

    def states(self) -> dict[str, int]:
        with self.database.read() as connection:
            rows = connection.execute(text("SELECT state, count(*) FROM deliveries GROUP BY state"))
            return {row[0]: row[1] for row in rows}

    def attempts(self, delivery_id: str) -> list[Any]:
        statement = text("SELECT * FROM attempts WHERE delivery_id = :id ORDER BY number")
        with self.database.read() as connection:
            return list(connection.execute(statement, {"id": delivery_id}))

    def shared(self, target: Target) -> Any:
        statement = text("SELECT * FROM destination_states WHERE destination_id = :id")
        with self.database.read() as connection:
            return connection.execute(statement, {"id": target.id}).first()

    def _journal(self, _connection: Any, occurrences: Any, _now_us: int) -> None:
        self.occurrences += occurrences


@pytest.fixture
def queue(database: Database, fake_clock: FakeClock) -> Iterator[Queue]:
    return Queue(database, fake_clock)


@pytest.fixture
def journal(settings: Settings, fake_clock: FakeClock) -> Iterator[Journal]:
    with Installation(settings, clock=fake_clock) as installation:
        made = Journal(installation, fake_clock)
        with made.acting() as acting:
            add_destination(acting, DestinationDraft("app", "http://127.0.0.1:9/", ordering_key="n"))
            add_destination(acting, DestinationDraft("audit", "http://127.0.0.1:9/"))
        yield made
