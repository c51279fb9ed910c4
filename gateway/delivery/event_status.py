"""What became of an event, over all of its deliveries: as a word, and as a filter over the journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import StrEnum

from sqlalchemy import ColumnElement, CompoundSelect, Connection, and_, exists, not_, select, text, union_all

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


# As the indexes have it.
_UNFINISHED = (
    "state = 'pending' AND ordering_key IS NULL",
    "state IN ('pending', 'leased') AND ordering_key IS NOT NULL",
    "state = 'leased'",
)


def statuses(session: TenantSession, event_ids: Sequence[str]) -> Mapping[str, EventStatus]:
    """The status of each event; read in one statement."""
    states: dict[str, set[str]] = {event_id: set() for event_id in event_ids}
    statement = select(Delivery.event_id, Delivery.state).where(Delivery.event_id.in_(event_ids)).distinct()
    for event_id, state in session.execute(statement):
        states[event_id].add(state)
    return {event_id: _status(found) for event_id, found in states.items()}


def has_status(status: EventStatus) -> ColumnElement[bool]:
    """A clause over `Event` that holds for events with this status."""
    dead = _in_state(DeliveryState.DEAD)
    waiting = _in_state(DeliveryState.PENDING) | _in_state(DeliveryState.LEASED)
    delivered = _in_state(DeliveryState.DELIVERED)
    # By way of the indexes of what is dead, unfinished, cancelled: few events are, and looking at each would walk the
    # journal.
    if status is EventStatus.DEAD:
        return Event.id.in_(select(Delivery.event_id).where(state_is(DeliveryState.DEAD)))
    if status is EventStatus.PENDING:
        return and_(Event.id.in_(_unfinished()), not_(dead))
    if status is EventStatus.DELIVERED:
        return and_(delivered, not_(dead), not_(waiting))
    if status is EventStatus.CANCELLED:
        cancelled = select(Delivery.event_id).where(state_is(DeliveryState.CANCELLED))
        return and_(Event.id.in_(cancelled), not_(dead), not_(waiting), not_(delivered))
    return not_(exists().where(Delivery.event_id == Event.id))


def unrouted(connection: Connection, event_ids: Sequence[str]) -> AbstractSet[str]:
    """Those of the events that have no delivery."""
    routed = connection.scalars(select(Delivery.event_id).where(Delivery.event_id.in_(event_ids)))
    return set(event_ids) - set(routed)


def _unfinished() -> CompoundSelect[str]:
    """The events of all deliveries that wait or are being tried, each from the partial index that has it.

    Of all tenants, since these indexes do not know them; whose events are looked at is said elsewhere.
    """
    event_id = Delivery.__table__.c.event_id
    return union_all(*(select(event_id).where(text(condition)) for condition in _UNFINISHED))


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
