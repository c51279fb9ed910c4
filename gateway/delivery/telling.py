"""Telling of what happened inside: events of our own, journalled and routed in the transaction of whoever caused them.

For many at once: a tenant's routes are read once, and rows are written by the batch. Which things there are to tell
stands in `gateway.events.system`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from gateway.db.after_commit import after_commit
from gateway.db.model import ConfigurationKind
from gateway.db.revisions import TOTAL, read_revisions
from gateway.db.scope import SystemSession
from gateway.deferred import deferred
from gateway.installation import Installation

if TYPE_CHECKING:
    from gateway.delivery.queue.enqueue import DeliveryRow
    from gateway.delivery.routes.routing import RoutingSnapshot
    from gateway.events.append import EventRow
    from gateway.events.system import Occurrence

# Loaded with all that delivers, when something is told.
_append = deferred("gateway.events.append")
_destinations = deferred("gateway.delivery.destinations.loader")
_enqueue = deferred("gateway.delivery.queue.enqueue")
_loader = deferred("gateway.delivery.routes.loader")
_rows = deferred("gateway.delivery.destinations.rows")
_system_events = deferred("gateway.delivery.system_events")


_KINDS = (ConfigurationKind.TENANTS, ConfigurationKind.DESTINATIONS, ConfigurationKind.ROUTES)
KEPT = 256
"""Tenants whose routes a process keeps."""


def tell(session: Session, installation: Installation, occurrences: Iterable[Occurrence]) -> None:
    """Journal `occurrences`, all of one tenant, with their deliveries, in the transaction of `session`; workers hear of
    it after the commit. Where there are none, nothing is read.
    """
    coming = iter(occurrences)
    first = next(coming, None)
    if first is None:
        return
    now_us = installation.clock.now_us()
    session.flush()
    within = session.connection()
    routing = installation.part(_Routes).of(session, first.tenant_id, now_us=now_us)
    # Looked up once: what is deferred costs a little each time.
    system_event = _system_events.system_event
    events: list[EventRow] = []
    deliveries: list[DeliveryRow] = []
    for occurrence in chain((first,), coming):
        event, rows = system_event(routing, occurrence, now_us=now_us)
        events.append(event)
        deliveries += rows
    _append.append_events(within, events)
    if deliveries:
        _enqueue.insert_deliveries(within, deliveries)
        after_commit(within, partial(installation.announcements.deliveries, [one.id for one in deliveries]))


class _Routes:
    """The routes of the tenants that were told of last, kept while no configuration moves. Safe from any thread."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[Sequence[int], RoutingSnapshot]] = OrderedDict()

    def of(self, session: Session, tenant_id: str, *, now_us: int) -> RoutingSnapshot:
        """The routes of a tenant, as the transaction of `session` sees them."""
        with SystemSession(bind=session.connection()) as reading:
            if session.info.get("moved_revisions"):
                # What it changes may be rolled back, and another one may come to the same revision then.
                return _routing(reading, self._installation, tenant_id, now_us=now_us)
            revisions = read_revisions(reading)
            at = [revisions.get(kind, 0) for kind in (*_KINDS, TOTAL)]
            with self._lock:
                found = self._known.get(tenant_id)
            if found is not None and found[0] == at:
                return found[1]
            routing = _routing(reading, self._installation, tenant_id, now_us=now_us)
        with self._lock:
            self._known[tenant_id] = (at, routing)
            self._known.move_to_end(tenant_id)
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        return routing


def _routing(session: SystemSession, installation: Installation, tenant_id: str, *, now_us: int) -> RoutingSnapshot:
    defaults: Any = _rows.DestinationDefaults(installation.settings.delivery_schedule_seconds)
    destinations = _destinations.load_destinations(
        session, installation.keyring, defaults, now_us=now_us, tenant_id=tenant_id
    )
    found: RoutingSnapshot = _loader.load_routing(session, destinations, (), tenant_id=tenant_id)
    return found
