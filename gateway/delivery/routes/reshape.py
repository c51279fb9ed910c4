"""Replaying what a route could not shape: the route as it is now is applied to the event again.

Without this a replay would send the raw event past the filter or transform that failed.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from gateway.clock import from_us
from gateway.db.scope import TenantSession
from gateway.delivery.decisions.transitions import require_transition
from gateway.delivery.models import Delivery, DeliveryState, Destination, Route
from gateway.delivery.routes.routing import UNSHAPED
from gateway.delivery.routes.rows import judge_route
from gateway.delivery.routes.stored_events import apply_to_stored
from gateway.events.models import Event


def reshape(session: TenantSession, ids: Sequence[str], *, now_us: int) -> frozenset[str]:
    """Apply their routes again to those of `ids` whose route had failed; the ids that must not be sent.

    A delivery that its mended route shapes gets the new payload and ordering key. One that still fails, or whose route
    or event is gone, stays dead with the reason; one that the mended filter turns away is cancelled.
    """
    statement = select(Delivery).where(
        Delivery.id.in_(ids), Delivery.state == DeliveryState.DEAD, Delivery.reason.in_(UNSHAPED)
    )
    # Locked on PostgreSQL: somebody else may be replaying them, and only what is dead may be turned away.
    statement = statement.order_by(Delivery.id).with_for_update()
    kept_back = set()
    for delivery in session.scalars(statement):
        if not _reshape(session, delivery, now_us):
            kept_back.add(delivery.id)
    session.flush()
    return frozenset(kept_back)


def _reshape(session: TenantSession, delivery: Delivery, now_us: int) -> bool:
    event = session.get(Event, delivery.event_id)
    route = session.get(Route, delivery.route_id) if delivery.route_id else None
    if event is None or route is None:
        delivery.detail = "its route is gone, and with it the shape to send" if event else "its event is gone"
        return False
    destination = session.get(Destination, delivery.destination_id)
    compiled = judge_route(route, destination.ordering_key if destination else None).compiled
    made = apply_to_stored(compiled, event, headers=event.headers, body=event.body)
    if made is None:
        require_transition(DeliveryState(delivery.state), DeliveryState.CANCELLED)
        delivery.state = DeliveryState.CANCELLED
        delivery.reason, delivery.detail = "filtered", "the route's filter turns this event away"
        delivery.finished_at = from_us(now_us)
        return False
    if made.state == DeliveryState.DEAD:
        delivery.reason, delivery.detail = made.reason, made.detail
        return False
    delivery.payload, delivery.ordering_key = made.payload, made.ordering_key
    return True
