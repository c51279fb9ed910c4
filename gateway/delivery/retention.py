"""Forgetting old events with everything that hangs on them, in short transactions that ingest hardly notices.

Walks the journal by id from its old end and stops at the cutoff: what is kept is never looked at, so the cost does
not grow with it. An event with an unfinished delivery stays, however old.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from gateway.clock import to_us
from gateway.db.database import Database
from gateway.db.scope import SystemSession
from gateway.delivery.decisions.transitions import UNFINISHED
from gateway.delivery.models import Attempt, Delivery
from gateway.events.models import Event
from gateway.security.identifiers import earliest_id

BATCH_EVENTS = 500


@dataclass(frozen=True, slots=True)
class Purged:
    """What one transaction removed, and how many old events it left because a delivery is unfinished."""

    events: int = 0
    deliveries: int = 0
    attempts: int = 0
    kept: int = 0

    def __add__(self, other: Purged) -> Purged:
        return Purged(
            self.events + other.events,
            self.deliveries + other.deliveries,
            self.attempts + other.attempts,
            self.kept + other.kept,
        )


def purge_events(database: Database, *, before: datetime, batch_events: int = BATCH_EVENTS) -> Iterator[Purged]:
    """Remove events older than `before`, of every tenant; one value per transaction.

    May be stopped between two values and started again. Raises `StorageUnavailable`.
    """
    ceiling = earliest_id("evt", to_us(before))
    after = ""
    while True:
        with database.system_session(write=True) as session:
            ids = _next_ids(session, after, ceiling, batch_events)
            purged = _purge(session, ids)
        if ids:
            yield purged
        if len(ids) < batch_events:
            return
        after = ids[-1]


def _next_ids(session: SystemSession, after: str, ceiling: str, limit: int) -> Sequence[str]:
    # Locked on PostgreSQL, so that a replay that is being stored for one of them is waited for.
    statement = select(Event.id).where(Event.id > after, Event.id < ceiling).order_by(Event.id).limit(limit)
    return session.scalars(statement.with_for_update()).all()


def _purge(session: SystemSession, ids: Sequence[str]) -> Purged:
    if not ids:
        return Purged()
    statement = select(Delivery.id, Delivery.event_id, Delivery.state).where(Delivery.event_id.in_(ids))
    deliveries = session.execute(statement.with_for_update()).all()
    busy = {event_id for _, event_id, state in deliveries if state in UNFINISHED}
    gone = [event_id for event_id in ids if event_id not in busy]
    gone_deliveries = [delivery_id for delivery_id, event_id, _ in deliveries if event_id not in busy]
    attempts = _delete_attempts(session, gone_deliveries)
    session.execute(delete(Delivery).where(Delivery.event_id.in_(gone)).execution_options(synchronize_session=False))
    session.execute(delete(Event).where(Event.id.in_(gone)).execution_options(synchronize_session=False))
    return Purged(len(gone), len(gone_deliveries), attempts, len(busy))


def _delete_attempts(session: SystemSession, delivery_ids: Sequence[str]) -> int:
    removed = 0
    for start in range(0, len(delivery_ids), BATCH_EVENTS):
        some = delivery_ids[start : start + BATCH_EVENTS]
        statement = delete(Attempt).where(Attempt.delivery_id.in_(some)).returning(Attempt.number)
        removed += len(session.execute(statement.execution_options(synchronize_session=False)).all())
    return removed
