"""Delivering an event again because it came again: to where it went, and to where it would go now."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from sqlalchemy import select

from gateway.delivery.models import Delivery, DeliveryState
from gateway.delivery.queue.enqueue import DeliveryRow, insert_deliveries
from gateway.delivery.retry import make_pending
from gateway.delivery.routes.loader import load_tenant_routing
from gateway.delivery.routes.routing import fan_out
from gateway.delivery.routes.stored_events import row_of
from gateway.events.models import Event
from gateway.jobs.kind import Result
from gateway.jobs.run import JobRun
from gateway.tenants.acting import Acting

# What waits or is being tried goes its way, and what a person has cancelled stays so.
AGAIN = frozenset({DeliveryState.DELIVERED, DeliveryState.DEAD})


def redeliver(run: JobRun) -> Result:
    """Deliver the event of the job's payload again. One that was forgotten meanwhile is no error."""
    with run.begin() as acting:
        return redeliver_event(acting, run.payload["event"])


def redeliver_event(acting: Acting, event_id: str) -> dict[str, Any]:
    """Make finished deliveries of an event due again, and those to destinations that it has never had: the counts."""
    session = acting.session
    # Locked, so that two repeats at once make nothing twice.
    event = session.scalars(select(Event).where(Event.id == event_id).with_for_update()).first()
    if event is None:
        return {"replayed": 0, "created": 0}
    there = session.execute(
        select(Delivery.id, Delivery.state, Delivery.destination_id).where(Delivery.event_id == event_id)
    ).all()
    finished = [row.id for row in there if row.state in AGAIN]
    replayed = make_pending(acting, finished, AGAIN)
    made = _missing(acting, event, {row.destination_id for row in there})
    insert_deliveries(session.connection(), made)
    due = [row.id for row in made if row.is_due(acting.now_us)]
    if due:
        acting.after_commit(partial(acting.installation.announcements.deliveries, due))
    return {"replayed": replayed, "created": len(made)}


def _missing(acting: Acting, event: Event, has: set[str]) -> list[DeliveryRow]:
    installation = acting.installation
    routing = load_tenant_routing(
        acting.session.connection(),
        installation.settings,
        installation.keyring,
        tenant_id=acting.tenant.id,
        now_us=acting.now_us,
    )
    pairs = tuple((name, value) for name, value in json.loads(event.headers))
    rows = fan_out(routing, row_of(event, event.headers, event.body), pairs)
    return [row.at(acting.now_us) for row in rows if row.destination_id not in has]
