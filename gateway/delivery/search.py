"""Finding deliveries: pages by filter, one with its attempts, and what became of events. Changing them is elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, exists, literal, not_, select

from gateway.clock import to_us
from gateway.db.paging import Page, PageRequest, newest_first
from gateway.db.scope import TenantSession
from gateway.delivery.destinations.management import require_destination
from gateway.delivery.models import Attempt, Delivery, DeliveryState, Destination
from gateway.errors import NotFound
from gateway.events.models import Event
from gateway.security.identifiers import earliest_id

PREFIX = "dlv"
# An id carries the clock of the process that made it; a filter by time looks this much around its bounds.
CLOCK_MARGIN = timedelta(hours=1)


class EventStatus(StrEnum):
    """What became of an event, over all of its deliveries: the first of these that holds."""

    DEAD = "dead"  # a delivery was given up
    PENDING = "pending"  # a delivery waits or is being tried
    DELIVERED = "delivered"  # a delivery was taken
    CANCELLED = "cancelled"  # every delivery was stopped by a person
    UNROUTED = "unrouted"  # no route led anywhere


@dataclass(frozen=True, slots=True)
class DeliverySearch:
    """Which deliveries; None means any. `destination` is a name."""

    state: DeliveryState | None = None
    destination: str | None = None
    event_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeliverySummary:
    """A delivery as it is shown. `destination` is its name, or its id when the destination was removed."""

    id: str
    event_id: str
    destination: str
    route_id: str | None
    state: str
    reason: str | None
    detail: str | None
    ordering_key: str | None
    attempts_made: int
    next_attempt_at: datetime | None
    created_at: datetime
    finished_at: datetime | None
    is_transformed: bool


@dataclass(frozen=True, slots=True)
class AttemptSummary:
    """One try. `response_excerpt` is the beginning of what the receiver answered."""

    number: int
    started_at: datetime
    duration_ms: int
    outcome: str
    status: int | None
    error: str | None
    response_excerpt: str | None


def find_deliveries(session: TenantSession, wanted: DeliverySearch, page: PageRequest) -> Page[DeliverySummary]:
    """A page of deliveries, newest first. Raises `NotFound` for an unknown destination, `InvalidInput`."""
    statement = select(Delivery)
    if wanted.state is not None:
        statement = statement.where(_state_is(wanted.state))
    if wanted.destination is not None:
        destination = require_destination(session, wanted.destination)
        statement = statement.where(Delivery.destination_id == destination.id)
    if wanted.event_id is not None:
        statement = statement.where(Delivery.event_id == wanted.event_id)
    if wanted.since is not None:
        floor = earliest_id(PREFIX, to_us(wanted.since - CLOCK_MARGIN))
        statement = statement.where(Delivery.id >= floor, Delivery.created_at >= wanted.since)
    if wanted.until is not None:
        ceiling = earliest_id(PREFIX, to_us(wanted.until + CLOCK_MARGIN))
        statement = statement.where(Delivery.id < ceiling, Delivery.created_at < wanted.until)
    found = newest_first(session, statement, Delivery.id, page)
    names = _names(session, {row.destination_id for row in found.rows})
    return Page(tuple(_summary(row, names) for row in found.rows), found.next_cursor)


def show_delivery(session: TenantSession, delivery_id: str) -> tuple[DeliverySummary, Sequence[AttemptSummary]]:
    """One delivery and its attempts, first one first. Raises `NotFound`."""
    row = session.scalars(select(Delivery).where(Delivery.id == delivery_id)).first()
    if row is None:
        raise NotFound(f"there is no delivery {delivery_id!r}: it was purged, or belongs to another tenant")
    return _summary(row, _names(session, {row.destination_id})), _attempts(session, delivery_id)


def deliveries_of(session: TenantSession, event_id: str) -> list[tuple[DeliverySummary, Sequence[AttemptSummary]]]:
    """Every delivery of an event with its attempts, oldest first."""
    rows = session.scalars(select(Delivery).where(Delivery.event_id == event_id).order_by(Delivery.id)).all()
    names = _names(session, {row.destination_id for row in rows})
    return [(_summary(row, names), _attempts(session, row.id)) for row in rows]


def event_statuses(session: TenantSession, event_ids: Sequence[str]) -> Mapping[str, EventStatus]:
    """What became of each event."""
    states: dict[str, set[str]] = {event_id: set() for event_id in event_ids}
    statement = select(Delivery.event_id, Delivery.state).where(Delivery.event_id.in_(event_ids)).distinct()
    for event_id, state in session.execute(statement):
        states[event_id].add(state)
    return {event_id: _status(found) for event_id, found in states.items()}


def has_status(status: EventStatus) -> ColumnElement[bool]:
    """A clause over `Event` that holds for events with this status."""
    dead, cancelled = _in_state(DeliveryState.DEAD), _in_state(DeliveryState.CANCELLED)
    waiting = _in_state(DeliveryState.PENDING) | _in_state(DeliveryState.LEASED)
    delivered = _in_state(DeliveryState.DELIVERED)
    if status is EventStatus.DEAD:
        # By way of the index of dead letters: few events are, and looking at each event would walk the journal.
        return Event.id.in_(select(Delivery.event_id).where(_state_is(DeliveryState.DEAD)))
    if status is EventStatus.PENDING:
        return and_(waiting, not_(dead))
    if status is EventStatus.DELIVERED:
        return and_(delivered, not_(dead), not_(waiting))
    if status is EventStatus.CANCELLED:
        return and_(cancelled, not_(dead), not_(waiting), not_(delivered))
    return not_(exists().where(Delivery.event_id == Event.id))


def _status(states: set[str]) -> EventStatus:
    if DeliveryState.DEAD in states:
        return EventStatus.DEAD
    if states & {DeliveryState.PENDING, DeliveryState.LEASED}:
        return EventStatus.PENDING
    if DeliveryState.DELIVERED in states:
        return EventStatus.DELIVERED
    return EventStatus.CANCELLED if states else EventStatus.UNROUTED


def _state_is(state: DeliveryState) -> ColumnElement[bool]:
    # Written out, not bound: a partial index is used only where the statement repeats its condition.
    return Delivery.state == literal(state.value, literal_execute=True)


def _in_state(state: DeliveryState) -> ColumnElement[bool]:
    return exists().where(Delivery.event_id == Event.id, _state_is(state))


def _names(session: TenantSession, destination_ids: set[str]) -> Mapping[str, str]:
    statement = select(Destination.id, Destination.name).where(Destination.id.in_(destination_ids))
    return dict(iter(session.execute(statement)))


def _attempts(session: TenantSession, delivery_id: str) -> Sequence[AttemptSummary]:
    rows = session.scalars(select(Attempt).where(Attempt.delivery_id == delivery_id).order_by(Attempt.number))
    return tuple(
        AttemptSummary(
            number=row.number,
            started_at=row.started_at,
            duration_ms=row.duration_ms,
            outcome=row.outcome,
            status=row.status,
            error=row.error,
            response_excerpt=row.response_excerpt,
        )
        for row in rows
    )


def _summary(row: Delivery, names: Mapping[str, str]) -> DeliverySummary:
    return DeliverySummary(
        id=row.id,
        event_id=row.event_id,
        destination=names.get(row.destination_id, row.destination_id),
        route_id=row.route_id,
        state=row.state,
        reason=row.reason,
        detail=row.detail,
        ordering_key=row.ordering_key,
        attempts_made=row.attempts_made,
        next_attempt_at=row.next_attempt_at if row.state == DeliveryState.PENDING else None,
        created_at=row.created_at,
        finished_at=row.finished_at,
        is_transformed=row.payload is not None,
    )
