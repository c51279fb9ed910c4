"""Replaying events: one, or some of many by a filter, oldest first; and counting beforehand what that would do.

Many are replayed by jobs (`delivery/replays`). Doing it again makes nothing twice; only what had arrived and is sent
again (`Again.ALL`) is sent once more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, select

from gateway.db.scope import TenantSession
from gateway.delivery.event_replay.aim import Aim, Way, find_way
from gateway.delivery.event_replay.counts import ReplayCounts
from gateway.delivery.event_replay.step import Step, take_step
from gateway.delivery.event_status import EventStatus, has_status
from gateway.errors import InvalidInput
from gateway.events.models import Event
from gateway.events.search import EventFilter, matching
from gateway.events.vendor_ids import require_event_id
from gateway.tenants.acting import Acting, Begin

BATCH = 100


@dataclass(frozen=True, slots=True)
class WhichEvents:
    """Which events; None means any. Without an end in the filter those are meant that came before the replay began."""

    filter: EventFilter = field(default_factory=EventFilter)
    status: EventStatus | None = None


class Counted(NamedTuple):
    """How far counting is: `counts` so far, and when the last event came."""

    counts: ReplayCounts
    received_at: datetime


def replay_event(acting: Acting, event_id: str, aim: Aim, *, plans: bool = False) -> ReplayCounts:
    """Replay one event, by its id or its vendor's; with `plans`, only count what that would do.

    Raises `NotFound`, and `InvalidInput` for an event of a source whose events the route does not take.
    """
    way = find_way(acting.session, aim)
    event_id = require_event_id(acting.session, event_id)
    source = acting.session.scalars(select(Event.source).where(Event.id == event_id)).one()
    if way.source not in (None, source):
        raise InvalidInput(f"the route {aim.route!r} takes events of {way.source}, and this one came to {source}")
    step = take_step(acting, [Event.id == event_id], way, aim.again, limit=1, plans=plans)
    if step.counts.changes and not plans:
        acting.audit("event.replayed", event_id, after=asdict(step.counts))
    return step.counts


def plan_replay(begin: Begin, which: WhichEvents, aim: Aim) -> Iterator[Counted]:
    """Count what replaying every event that is meant would do. One value per transaction, of which the last is the
    whole; none when no event is meant. `which` has an end, else this has none either.

    Raises `NotFound`, `InvalidInput`, `StorageUnavailable`.
    """
    counts, position = ReplayCounts(), ""
    while True:
        with begin() as acting:
            step = replay_next(acting, which, aim, after=position, plans=True)
        if step.last is None:
            return
        counts += step.counts
        yield Counted(counts, step.last.received_at)
        if step.counts.events < BATCH:
            return
        position = step.last.id


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


def _clauses(session: TenantSession, which: WhichEvents, way: Way) -> list[ColumnElement[bool]]:
    clauses = matching(session, which.filter)
    if which.status is not None:
        clauses.append(has_status(which.status))
    if way.source is not None:
        clauses.append(Event.source == way.source)
    return clauses
