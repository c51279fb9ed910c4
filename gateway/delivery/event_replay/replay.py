"""Replaying events: one, or many by a filter, in short transactions and oldest first.

What was done before a failure stays done; doing it again makes nothing twice. Only what had arrived and is sent again
(`Again.ALL`) is sent once more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, select

from gateway.db.scope import TenantSession
from gateway.delivery.event_replay.aim import Aim, Way, find_way
from gateway.delivery.event_replay.counts import ReplayCounts
from gateway.delivery.event_replay.step import Step, take_step
from gateway.delivery.event_status import EventStatus, has_status
from gateway.errors import InvalidInput, NotFound
from gateway.events.models import Event
from gateway.events.search import EventFilter, matching
from gateway.tenants.acting import Acting, Begin
from gateway.tenants.audit_trail.tally import Tally, tallied

BATCH = 100


@dataclass(frozen=True, slots=True)
class WhichEvents:
    """Which events; None means any. Without an end in the filter those are meant that came before the replay began."""

    filter: EventFilter = field(default_factory=EventFilter)
    status: EventStatus | None = None


class Progress(NamedTuple):
    """How far a replay of many is: `counts` so far, when the last event came, and the ids of destinations that got
    more to do in the last transaction.
    """

    counts: ReplayCounts
    received_at: datetime
    destinations: frozenset[str]


def replay_event(acting: Acting, event_id: str, aim: Aim, *, plans: bool = False) -> ReplayCounts:
    """Replay one event; with `plans`, only count what that would do.

    Raises `NotFound`, and `InvalidInput` for an event of a source whose events the route does not take.
    """
    way = find_way(acting.session, aim)
    source = acting.session.scalar(select(Event.source).where(Event.id == event_id))
    if source is None:
        raise NotFound(f"no event {event_id}")
    if way.source not in (None, source):
        raise InvalidInput(f"the route {aim.route!r} takes events of {way.source}, and this one came to {source}")
    step = take_step(acting, [Event.id == event_id], way, aim.again, limit=1, plans=plans)
    if step.counts.changes and not plans:
        acting.audit("event.replayed", event_id, after=asdict(step.counts))
    return step.counts


def replay_events(begin: Begin, which: WhichEvents, aim: Aim, *, plans: bool = False) -> Iterator[Progress]:
    """Replay every event that is meant; with `plans`, only count what that would do. One value per transaction, of
    which the last is the whole; none when no event is meant. May be stopped between two values and started again.

    Raises `NotFound`, `InvalidInput`, `StorageUnavailable`.
    """
    with tallied(begin, "events.replayed", asked=_asked(which, aim)) as tally:
        yield from _replay_all(begin, which, aim, None if plans else tally)


def replay_next(acting: Acting, which: WhichEvents, aim: Aim, *, after: str, plans: bool) -> Step:
    """Replay the next `BATCH` events of those that are meant, after the one with the id `after`; less is the end.

    Raises `NotFound`, `InvalidInput`.
    """
    way, clauses = meant(acting.session, which, aim)
    return take_step(acting, [*clauses, Event.id > after], way, aim.again, limit=BATCH, plans=plans)


def meant(session: TenantSession, which: WhichEvents, aim: Aim) -> tuple[Way, list[ColumnElement[bool]]]:
    """Where the events that are meant lead, and what holds for them. Raises `NotFound`, `InvalidInput`."""
    way = find_way(session, aim)
    return way, _clauses(session, which, way)


def _replay_all(begin: Begin, which: WhichEvents, aim: Aim, tally: Tally | None) -> Iterator[Progress]:
    """`replay_events`; without a `tally` nothing is done, and only counted."""
    counts, position, until = ReplayCounts(), "", which.filter.until
    while True:
        with begin() as acting:
            # What comes meanwhile is not meant, and must not keep this going for ever.
            until = until or acting.now
            bounded = WhichEvents(replace(which.filter, until=until), which.status)
            step = replay_next(acting, bounded, aim, after=position, plans=tally is None)
            is_last = step.counts.events < BATCH
            if tally is not None:
                tally.add(acting, asdict(step.counts), is_changed=bool(step.counts.changes), is_last=is_last)
        if step.last is None:
            return
        counts += step.counts
        yield Progress(counts, step.last.received_at, step.destinations)
        if is_last:
            return
        position = step.last.id


def _asked(which: WhichEvents, aim: Aim) -> dict[str, object]:
    given = {**asdict(which.filter), "status": which.status, "route": aim.route, "destination": aim.destination}
    return {name: value for name, value in {**given, "again": aim.again}.items() if value is not None}


def _clauses(session: TenantSession, which: WhichEvents, way: Way) -> list[ColumnElement[bool]]:
    clauses = matching(session, which.filter)
    if which.status is not None:
        clauses.append(has_status(which.status))
    if way.source is not None:
        clauses.append(Event.source == way.source)
    return clauses
