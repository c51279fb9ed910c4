"""Replaying some events in the caller's transaction, or counting what that would do.

An event is locked before its deliveries are looked at (PostgreSQL; SQLite's writers are alone), so that two replays at
once make no delivery twice, and the purge waits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import defer

from gateway.db.scope import TenantSession
from gateway.delivery.decisions.transitions import RETRYABLE
from gateway.delivery.event_replay.aim import Again, Way
from gateway.delivery.event_replay.counts import ReplayCounts
from gateway.delivery.models import Delivery, DeliveryState
from gateway.delivery.queue.enqueue import DeliveryRow, insert_deliveries
from gateway.delivery.retry import make_pending
from gateway.delivery.routes.routing import CompiledRoute
from gateway.delivery.routes.stored_events import apply_to_stored
from gateway.events.models import Event
from gateway.events.portions import portions
from gateway.tenants.acting import Acting

# So much of bodies is held at once, however many events a step has.
BODIES_BYTES = 8 * 1024 * 1024

Existing = Mapping[str, Sequence[Any]]


class Step(NamedTuple):
    """What one step did. `last` is the last event it looked at, None when there was none; `destinations` are the ids
    of those that have more to do now.
    """

    counts: ReplayCounts
    last: Event | None
    destinations: frozenset[str]


def take_step(
    acting: Acting, which: Sequence[ColumnElement[bool]], way: Way, again: Again, *, limit: int, plans: bool
) -> Step:
    """Replay at most `limit` of the events for which `which` holds, oldest first; with `plans`, only count."""
    events = _events(acting.session, which, limit, locks=not plans)
    existing = _existing(acting.session, [event.id for event in events], way)
    missing = [event for event in events if event.id not in existing]
    counts, destinations = _replay(acting, existing, again, plans=plans)
    made = ReplayCounts(events=len(events))
    if way.route is None:
        made += ReplayCounts(unrouted=len(missing))
    else:
        made += _create(acting, way.route, missing, plans=plans)
        destinations |= {way.route.destination_id} if made.created else set()
    return Step(counts + made, events[-1] if events else None, destinations)


def _events(
    session: TenantSession, which: Sequence[ColumnElement[bool]], limit: int, *, locks: bool
) -> Sequence[Event]:
    statement = select(Event).options(defer(Event.body), defer(Event.headers)).where(*which)
    statement = statement.order_by(Event.id).limit(limit)
    return session.scalars(statement.with_for_update(of=Event) if locks else statement).all()


def _existing(session: TenantSession, event_ids: Sequence[str], way: Way) -> Existing:
    """What each event has of the way already; events that have nothing are left out."""
    found: dict[str, list[Any]] = defaultdict(list)
    columns = (Delivery.id, Delivery.event_id, Delivery.destination_id, Delivery.state, Delivery.attempts_made)
    statement = select(*columns).where(Delivery.event_id.in_(event_ids), way.is_its_own)
    for row in session.execute(statement.order_by(Delivery.id)):
        found[row.event_id].append(row)
    return found


def _replay(acting: Acting, existing: Existing, again: Again, *, plans: bool) -> tuple[ReplayCounts, frozenset[str]]:
    rows = [row for rows in existing.values() for row in rows]
    chosen = [row for row in rows if _is_meant(again, DeliveryState(row.state), row.attempts_made)]
    ids = {row.id for row in chosen}
    left = [row.state for row in rows if row.id not in ids]
    arrived = left.count(DeliveryState.DELIVERED)
    replayed = len(ids) if plans else make_pending(acting, [row.id for row in chosen], RETRYABLE)
    counts = ReplayCounts(
        replayed=replayed,
        repeated=sum(row.state == DeliveryState.DELIVERED for row in chosen),
        arrived=arrived,
        waiting=len(left) - arrived,
        kept_back=len(ids) - replayed,
    )
    return counts, frozenset(row.destination_id for row in chosen)


def _is_meant(again: Again, state: DeliveryState, attempts: int) -> bool:
    if again is Again.ALL:
        return state in RETRYABLE
    failed = state is DeliveryState.DEAD or (state is DeliveryState.PENDING and attempts > 0)
    return again is Again.FAILED and failed


def _create(acting: Acting, route: CompiledRoute, events: Sequence[Event], *, plans: bool) -> ReplayCounts:
    meant = [event for event in events if route.matches(event.type)]
    created = unshaped = 0
    due: list[str] = []
    for rows in _shaped(acting, route, meant):
        created += len(rows)
        unshaped += sum(row.state == DeliveryState.DEAD for row in rows)
        if not plans:
            insert_deliveries(acting.session.connection(), rows)
            due += (row.id for row in rows if row.is_due(acting.now_us))
    if due:
        acting.after_commit(partial(acting.installation.announcements.deliveries, due))
    return ReplayCounts(created=created, unshaped=unshaped, turned_away=len(events) - created)


def _shaped(acting: Acting, route: CompiledRoute, events: Sequence[Event]) -> Iterator[list[DeliveryRow]]:
    """The deliveries that `route` makes of `events`, a part at a time: bodies may be megabytes each."""
    parts = (
        [list(events)] if route.is_plain else portions(events, lambda event: event.body_bytes, most_bytes=BODIES_BYTES)
    )
    for part in parts:
        contents = {} if route.is_plain else _contents(acting.session, part)
        rows = []
        for event in part:
            headers, body = contents.get(event.id, (b"", b""))
            row = apply_to_stored(route, event, headers=headers, body=body)
            if row is not None:
                rows.append(row.at(acting.now_us))
        yield rows


def _contents(session: TenantSession, events: Sequence[Event]) -> dict[str, tuple[bytes, bytes]]:
    statement = select(Event.id, Event.headers, Event.body).where(Event.id.in_([event.id for event in events]))
    return {row.id: (row.headers, row.body) for row in session.execute(statement)}
