"""Counting how much of the journal is whose, beside a worker's deliveries: what came since the last time."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import ColumnElement, select

from gateway.clock import MICROSECONDS, Clock
from gateway.db.database import Database
from gateway.events.models import Event
from gateway.security.identifiers import earliest_id
from gateway.tenants.usage import Amount, add, counted_to, find_turned, hold_mark, turn

BATCH_EVENTS = 1000
SETTLED_SECONDS = 30.0
"""An event is in the journal by so long after its id was made; one of a clock that is further behind is not counted."""


class UsageCounter:
    """Counts in short transactions. Any number of workers may: they take turns."""

    def __init__(self, database: Database, clock: Clock, *, batch_events: int = BATCH_EVENTS) -> None:
        self._database = database
        self._clock = clock
        self._batch_events = batch_events

    def step(self) -> bool:
        """Count some events; where there are none, see who became full. False when there is nothing more to do.

        Raises `StorageUnavailable`.
        """
        if self._count_next():
            return True
        with self._database.read() as connection:
            turned = find_turned(connection)
        if turned:
            with self._database.write() as connection:
                turn(connection, find_turned(connection))
        return False

    def _count_next(self) -> bool:
        with self._database.read() as connection:
            first = select(Event.id).where(*self._after(counted_to(connection))).limit(1)
            if connection.execute(first).first() is None:
                return False
        with self._database.write() as connection:
            columns = select(Event.id, Event.tenant_id, Event.body_bytes).where(*self._after(hold_mark(connection)))
            rows = connection.execute(columns.order_by(Event.id).limit(self._batch_events)).all()
            amounts: dict[str, Amount] = defaultdict(Amount)
            for _, tenant_id, body_bytes in rows:
                events, stored_bytes = amounts[tenant_id]
                amounts[tenant_id] = Amount(events + 1, stored_bytes + body_bytes)
            if rows:
                add(connection, amounts, counted=rows[-1].id)
        return bool(rows)

    def _after(self, counted: str) -> tuple[ColumnElement[bool], ...]:
        ceiling = earliest_id("evt", self._clock.now_us() - round(SETTLED_SECONDS * MICROSECONDS))
        return Event.id > counted, Event.id < ceiling
