"""What became of an event, over all of its deliveries: as a word, and as a filter over the journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, Select, Subquery, and_, exists, not_, or_, select, text, union_all

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


_STATES = {
    EventStatus.DEAD: (DeliveryState.DEAD,),
    EventStatus.PENDING: (DeliveryState.PENDING, DeliveryState.LEASED),
    EventStatus.DELIVERED: (DeliveryState.DELIVERED,),
    EventStatus.CANCELLED: (DeliveryState.CANCELLED,),
}
_ORDER = tuple(_STATES)
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
    """A clause over `Event` that holds for events with this status: by the deliveries of each, and so not dearer for
    how many there are.
    """
    if status is EventStatus.UNROUTED:
        return not_(exists().where(Delivery.event_id == Event.id))
    earlier = _ORDER[: _ORDER.index(status)]
    before = [state for one in earlier for state in _STATES[one]]
    has = _in_state(*_STATES[status])
    # One clause, and not two with an "or": of that the planner makes a table of all deliveries that wait.
    return and_(has, not_(_in_state(*before))) if before else has


def where_few(session: TenantSession, status: EventStatus) -> Select[str] | None:
    """The ids of the events that may have this status, from the index of the deliveries that make it: few are dead,
    unfinished, cancelled, and looking at each event would walk the journal. None where most have it, or no delivery.
    """
    if status is EventStatus.DEAD or status is EventStatus.CANCELLED:
        [state] = _STATES[status]
        return select(Delivery.event_id).where(state_is(state), Delivery.tenant_id == session.tenant_id)
    if status is EventStatus.PENDING:
        return select(_unfinished(session.tenant_id).c.event_id)
    return None


def unrouted(connection: Connection, event_ids: Sequence[str]) -> AbstractSet[str]:
    """Those of the events that have no delivery."""
    routed = connection.scalars(select(Delivery.event_id).where(Delivery.event_id.in_(event_ids)))
    return set(event_ids) - set(routed)


def _unfinished(tenant_id: str) -> Subquery:
    """The events of a tenant's deliveries that wait or are being tried, each from the partial index that has it."""
    table = Delivery.__table__.c
    # Not by an index of tenants' deliveries: SQLite takes one for better than the partial ones.
    is_theirs = table.tenant_id.concat("") == tenant_id
    parts = (select(table.event_id).where(text(one), is_theirs) for one in _UNFINISHED)
    return union_all(*parts).subquery("unfinished")


def _status(states: set[str]) -> EventStatus:
    if DeliveryState.DEAD in states:
        return EventStatus.DEAD
    if states & {DeliveryState.PENDING, DeliveryState.LEASED}:
        return EventStatus.PENDING
    if DeliveryState.DELIVERED in states:
        return EventStatus.DELIVERED
    return EventStatus.CANCELLED if states else EventStatus.UNROUTED


def _in_state(*states: DeliveryState) -> ColumnElement[bool]:
    return exists().where(Delivery.event_id == Event.id, or_(*map(state_is, states)))
