"""Telling of what happened inside: events of our own, with their deliveries, in the transaction of whoever caused them.

Which there are, and in what shape, stands in `gateway.events.system`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sqlalchemy.orm import Session

from gateway.db.after_commit import after_commit
from gateway.deferred import deferred
from gateway.events.system import Occurrence
from gateway.installation import Installation

# Loaded with all that delivers, when something is told.
_append = deferred("gateway.events.append")
_enqueue = deferred("gateway.delivery.queue.enqueue")
_loader = deferred("gateway.delivery.routes.loader")
_system_events = deferred("gateway.delivery.system_events")


def tell(session: Session, installation: Installation, occurrences: Sequence[Occurrence]) -> None:
    """Journal `occurrences`, all of one tenant, in the transaction of `session`; workers hear of it after the commit.

    Reads the tenant's routes once. Where nothing happened, nothing is read.
    """
    if not occurrences:
        return
    now_us = installation.clock.now_us()
    session.flush()
    within = session.connection()
    routing = _loader.load_tenant_routing(
        within, installation.settings, installation.keyring, tenant_id=occurrences[0].tenant_id, now_us=now_us
    )
    made = [_system_events.system_event(routing, one, now_us=now_us) for one in occurrences]
    deliveries = [row for _, rows in made for row in rows]
    _append.append_events(within, [event for event, _ in made])
    if deliveries:
        _enqueue.insert_deliveries(within, deliveries)
        after_commit(within, partial(installation.announcements.deliveries, [one.id for one in deliveries]))
