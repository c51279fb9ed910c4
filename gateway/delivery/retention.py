"""Forgetting old events with everything that hangs on them, in short transactions that ingest hardly notices.

Walks the journal by id from its old end and stops at the cutoff: what is younger is never looked at, so the cost does
not grow with it. An event with an unfinished delivery stays, however old; dead letters have a cutoff of their own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from gateway.clock import to_us
from gateway.db.database import Database
from gateway.db.scope import SystemSession
from gateway.delivery.decisions.transitions import UNFINISHED
from gateway.delivery.models import Attempt, Delivery, DeliveryState
from gateway.events.models import Event, EventRepeats
from gateway.security.identifiers import earliest_id
from gateway.tenants.usage import Amount, hold_mark, take_off

BATCH_EVENTS = 500
COUNTED_EVENTS = 2_000


@dataclass(frozen=True, slots=True)
class OwnRetention:
    """A source whose events are old when they came before `before`."""

    source_id: str
    tenant_id: str
    before: datetime


@dataclass(frozen=True, slots=True)
class Cutoff:
    """What is old: events that came before `before`, of those with a dead letter `dead_before`, which is not later; of
    one tenant by its id, None for every tenant. Events of sources with a retention of their `own` go by that.
    """

    before: datetime
    dead_before: datetime
    tenant_id: str | None = None
    own: tuple[OwnRetention, ...] = ()


@dataclass(frozen=True, slots=True)
class Purged:
    """What was removed, or is to be; and how many old events stay because a delivery is unfinished, or dead."""

    events: int = 0
    deliveries: int = 0
    attempts: int = 0
    kept: int = 0
    kept_dead: int = 0

    def __add__(self, other: Purged) -> Purged:
        return Purged(
            self.events + other.events,
            self.deliveries + other.deliveries,
            self.attempts + other.attempts,
            self.kept + other.kept,
            self.kept_dead + other.kept_dead,
        )


class Judged(NamedTuple):
    """The events of one batch that go, their deliveries with the events' ids, and the events that stay."""

    gone: Sequence[str]
    gone_deliveries: Mapping[str, str]
    unfinished: Sequence[str]
    dead: Sequence[str]


def purge_events(database: Database, cutoff: Cutoff, *, batch_events: int = BATCH_EVENTS) -> Iterator[Purged]:
    """Remove what is old; one value per transaction.

    May be stopped between two values and started again. Raises `StorageUnavailable`.
    """
    after = ""
    while True:
        with database.system_session(write=True) as session:
            # First, always: who counts waits for nothing else.
            counted = hold_mark(session.connection())
            found = _next(session, cutoff, after, batch_events, locks=True)
            purged = purge_judged(session, judge_old(session, list(found), cutoff, locks=True), counted)
        if found:
            yield purged
        if len(found) < batch_events:
            return
        after = next(reversed(found))


def count_events(
    database: Database, cutoff: Cutoff, *, batch_events: int = COUNTED_EVENTS
) -> Iterator[Mapping[str, Purged]]:
    """What `purge_events` would remove, by the tenant's id; one value per transaction. Raises `StorageUnavailable`."""
    after = ""
    while True:
        with database.system_session() as session:
            found = _next(session, cutoff, after, batch_events)
            judged = judge_old(session, list(found), cutoff)
            counted = count_judged(session, judged, found)
        if found:
            yield counted
        if len(found) < batch_events:
            return
        after = next(reversed(found))


def _next(session: SystemSession, cutoff: Cutoff, after: str, limit: int, *, locks: bool = False) -> dict[str, str]:
    """The next old events by id, with their tenants' ids."""
    ceiling = earliest_id("evt", to_us(cutoff.before))
    statement = select(Event.id, Event.tenant_id).where(Event.id > after, Event.id < ceiling)
    if cutoff.own:
        statement = statement.where(Event.source_id.not_in([own.source_id for own in cutoff.own]))
    if cutoff.tenant_id is not None:
        statement = statement.where(Event.tenant_id == cutoff.tenant_id)
    if locks:
        # On PostgreSQL, so that a replay that is being stored for one of them is waited for.
        statement = statement.with_for_update()
    return dict(iter(session.execute(statement.order_by(Event.id).limit(limit))))


def judge_old(session: SystemSession, ids: Sequence[str], cutoff: Cutoff, *, locks: bool = False) -> Judged:
    """Which of the old events go, and which stay since a delivery is unfinished, or dead for less long."""
    if not ids:
        return Judged((), {}, (), ())
    statement = select(Delivery.id, Delivery.event_id, Delivery.state).where(Delivery.event_id.in_(ids))
    deliveries = session.execute(statement.with_for_update() if locks else statement).all()
    dead_ceiling = earliest_id("evt", to_us(cutoff.dead_before))
    unfinished = {event_id for _, event_id, state in deliveries if state in UNFINISHED}
    dead = {
        event_id
        for _, event_id, state in deliveries
        if state == DeliveryState.DEAD and event_id >= dead_ceiling and event_id not in unfinished
    }
    stay = unfinished | dead
    return Judged(
        [event_id for event_id in ids if event_id not in stay],
        {delivery_id: event_id for delivery_id, event_id, _ in deliveries if event_id not in stay},
        sorted(unfinished),
        sorted(dead),
    )


def purge_judged(session: Session, judged: Judged, counted: str) -> Purged:
    """Remove what is judged so; of what was counted, up to the event `counted`, it is taken off."""
    attempts = 0
    for some in _in_parts(list(judged.gone_deliveries)):
        removed = delete(Attempt).where(Attempt.delivery_id.in_(some)).returning(Attempt.number)
        attempts += len(session.execute(removed.execution_options(synchronize_session=False)).all())
    if judged.gone:
        gone = delete(Delivery).where(Delivery.event_id.in_(judged.gone))
        session.execute(gone.execution_options(synchronize_session=False))
        repeats = delete(EventRepeats).where(EventRepeats.event_id.in_(judged.gone))
        session.execute(repeats.execution_options(synchronize_session=False))
        events = delete(Event).where(Event.id.in_(judged.gone)).returning(Event.id, Event.tenant_id, Event.body_bytes)
        amounts: dict[str, Amount] = defaultdict(Amount)
        for event_id, tenant_id, body_bytes in session.execute(events.execution_options(synchronize_session=False)):
            if event_id <= counted:
                before = amounts[tenant_id]
                amounts[tenant_id] = Amount(before.events + 1, before.stored_bytes + body_bytes)
        take_off(session.connection(), amounts)
    return Purged(len(judged.gone), len(judged.gone_deliveries), attempts, len(judged.unfinished), len(judged.dead))


def count_judged(session: SystemSession, judged: Judged, tenants: Mapping[str, str]) -> Mapping[str, Purged]:
    """What `purge_judged` would remove, by the tenant's id; `tenants` has that of each event."""
    attempts: Counter[str] = Counter()
    for some in _in_parts(list(judged.gone_deliveries)):
        counted = (
            select(Attempt.tenant_id, func.count()).where(Attempt.delivery_id.in_(some)).group_by(Attempt.tenant_id)
        )
        attempts.update(dict(iter(session.execute(counted))))
    events, deliveries, unfinished, dead = (
        Counter(tenants[event_id] for event_id in ids)
        for ids in (judged.gone, judged.gone_deliveries.values(), judged.unfinished, judged.dead)
    )
    return {
        tenant: Purged(events[tenant], deliveries[tenant], attempts[tenant], unfinished[tenant], dead[tenant])
        for tenant in set(tenants.values())
    }


def _in_parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), BATCH_EVENTS):
        yield ids[start : start + BATCH_EVENTS]
