"""What became of an event, over all of its deliveries: as a word, and as a filter over the journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, exists, not_, select

from gateway.db.scope import TenantSession
from gateway.delivery.models import Delivery, DeliveryState
from gateway.delivery.search import state_is
from gateway.events.models import Event


class EventStatus(StrEnum):
    """What became of an event, over all of its deliveries: the first of these that holds."""

    DEAD = "dead"  # a delivery was given up
    PENDING = "pending"  # a delivery waits or is being tried
    DELIVERED = "delivered"  # a delivery was taken
    CANCELLED = "cancelled"  # every delivery was stopped by a person
    UNROUTED = "unrouted"  # no route led anywhere


def statuses(session: TenantSession, event_ids: Sequence[str]) -> Mapping[str, EventStatus]:
    """The status of each event; read in one statement."""
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
