"""Events with what became of them: the journal as a person reads it. Here, because the deliveries tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, not_, select

from gateway.db.paging import Page, PageRequest
from gateway.db.scope import TenantSession
from gateway.delivery.models import Delivery, DeliveryState
from gateway.delivery.search import DeliveryDetail, deliveries_of, state_is
from gateway.events.models import Event
from gateway.events.search import EventDetail, EventFilter, EventSummary, find_events, show_event
from gateway.tenants.acting import Acting


class EventStatus(StrEnum):
    """What became of an event, over all of its deliveries: the first of these that holds."""

    DEAD = "dead"  # a delivery was given up
    PENDING = "pending"  # a delivery waits or is being tried
    DELIVERED = "delivered"  # a delivery was taken
    CANCELLED = "cancelled"  # every delivery was stopped by a person
    UNROUTED = "unrouted"  # no route led anywhere


@dataclass(frozen=True, slots=True)
class JournalLine(EventSummary):
    """An event in a list, with its status."""

    status: EventStatus


@dataclass(frozen=True, slots=True)
class JournalDetail(EventDetail):
    """An event with its contents, its status and its deliveries, oldest first."""

    status: EventStatus
    deliveries: Sequence[DeliveryDetail]


def find_in_journal(
    acting: Acting, wanted: EventFilter, page: PageRequest, *, status: EventStatus | None = None
) -> Page[JournalLine]:
    """A page of events, newest first; None for any status. Raises `InvalidInput`."""
    found = find_events(acting, wanted, page, also=None if status is None else _has_status(status))
    statuses = _statuses(acting.session, [event.id for event in found.rows])
    lines = (JournalLine(**_fields_of(event), status=statuses[event.id]) for event in found.rows)
    return Page(tuple(lines), found.next_cursor)


def show_in_journal(acting: Acting, event_id: str) -> JournalDetail:
    """One event. Raises `NotFound`."""
    event = show_event(acting, event_id)
    statuses = _statuses(acting.session, [event_id])
    deliveries = deliveries_of(acting, event_id)
    return JournalDetail(**_fields_of(event), status=statuses[event_id], deliveries=deliveries)


def _fields_of(event: EventSummary) -> dict[str, Any]:
    return {item.name: getattr(event, item.name) for item in fields(event)}


def _statuses(session: TenantSession, event_ids: Sequence[str]) -> Mapping[str, EventStatus]:
    states: dict[str, set[str]] = {event_id: set() for event_id in event_ids}
    statement = select(Delivery.event_id, Delivery.state).where(Delivery.event_id.in_(event_ids)).distinct()
    for event_id, state in session.execute(statement):
        states[event_id].add(state)
    return {event_id: _status(found) for event_id, found in states.items()}


def _has_status(status: EventStatus) -> ColumnElement[bool]:
    """A clause over `Event` that holds for events with this status."""
    dead, cancelled = _in_state(DeliveryState.DEAD), _in_state(DeliveryState.CANCELLED)
    waiting = _in_state(DeliveryState.PENDING) | _in_state(DeliveryState.LEASED)
    delivered = _in_state(DeliveryState.DELIVERED)
    if status is EventStatus.DEAD:
        # By way of the index of dead letters: few events are, and looking at each event would walk the journal.
        return Event.id.in_(select(Delivery.event_id).where(state_is(DeliveryState.DEAD)))
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


def _in_state(state: DeliveryState) -> ColumnElement[bool]:
    return exists().where(Delivery.event_id == Event.id, state_is(state))
