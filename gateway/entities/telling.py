"""Events of our own about entities, conflicts and syncs, journalled and routed in the transaction of whoever made them.

For many at once: a tenant's routes are read once, and rows are written by the batch. Which things there are to tell
stands in `gateway.events.system`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from gateway.db.after_commit import after_commit
from gateway.db.scope import SystemSession
from gateway.deferred import deferred
from gateway.installation import Installation

if TYPE_CHECKING:
    from gateway.delivery.routes.routing import RoutingSnapshot
    from gateway.events.system import Occurrence

# Loaded with all that delivers, when something is told.
_append = deferred("gateway.events.append")
_destinations = deferred("gateway.delivery.destinations.loader")
_enqueue = deferred("gateway.delivery.queue.enqueue")
_loader = deferred("gateway.delivery.routes.loader")
_rows = deferred("gateway.delivery.destinations.rows")
_system_events = deferred("gateway.delivery.system_events")


def tell_entities(session: Session, installation: Installation, occurrences: Sequence[Occurrence]) -> None:
    """Journal `occurrences`, all of one tenant, with their deliveries, in the transaction of `session`; workers hear of
    it after the commit. Where there are none, nothing is read.
    """
    if not occurrences:
        return
    now_us = installation.clock.now_us()
    session.flush()
    within = session.connection()
    with SystemSession(bind=within) as reading:
        routing = _routing(reading, installation, occurrences[0].tenant_id, now_us=now_us)
    made = [_system_events.system_event(routing, one, now_us=now_us) for one in occurrences]
    deliveries = [row for _, rows in made for row in rows]
    _append.append_events(within, [event for event, _ in made])
    if deliveries:
        _enqueue.insert_deliveries(within, deliveries)
        after_commit(within, partial(installation.announcements.deliveries, [one.id for one in deliveries]))


def _routing(session: SystemSession, installation: Installation, tenant_id: str, *, now_us: int) -> RoutingSnapshot:
    defaults: Any = _rows.DestinationDefaults(installation.settings.delivery_schedule_seconds)
    destinations = _destinations.load_destinations(
        session, installation.keyring, defaults, now_us=now_us, tenant_id=tenant_id
    )
    found: RoutingSnapshot = _loader.load_routing(session, destinations, (), tenant_id=tenant_id)
    return found
