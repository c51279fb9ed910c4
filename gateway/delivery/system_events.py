"""What happens inside is an event too: journalled with source `gateway`, in the transaction that caused it.

Loops: a dead delivery of a `gateway.*` event makes no further event (`is_reportable`), and a destination is disabled
only once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from gateway.clock import from_us
from gateway.delivery.enqueue import DeliveryRow, insert_deliveries
from gateway.delivery.routing import RoutingSnapshot, fan_out
from gateway.events.journal import EventRow, append_events
from gateway.events.models import SYSTEM_SOURCE
from gateway.security.identifiers import new_id

DELIVERY_DEAD = "gateway.delivery.dead"
DESTINATION_DISABLED = "gateway.destination.disabled"

CONTENT_TYPE = "application/json"


class Occurrence(NamedTuple):
    """Something that happened inside, for one tenant. `data` must be JSON."""

    tenant_id: str
    type: str
    data: Mapping[str, object]


def is_reportable(source: str) -> bool:
    """Whether trouble with an event of `source` may make an event of our own."""
    return source != SYSTEM_SOURCE


def system_event(
    routing: RoutingSnapshot, occurrence: Occurrence, *, now_us: int
) -> tuple[EventRow, tuple[DeliveryRow, ...]]:
    """The event of `occurrence` and its deliveries, ready to be stored. The body is `{id, type, timestamp, data}`."""
    event_id = new_id("evt")
    timestamp = from_us(now_us).isoformat()
    document = {"id": event_id, "type": occurrence.type, "timestamp": timestamp, "data": dict(occurrence.data)}
    body = json.dumps(document, separators=(",", ":")).encode("utf-8")
    event = EventRow(
        id=event_id,
        tenant_id=occurrence.tenant_id,
        source_id=SYSTEM_SOURCE,
        source=SYSTEM_SOURCE,
        provider=SYSTEM_SOURCE,
        type=occurrence.type,
        dedupe_key=None,
        received_at=now_us,
        request_id=None,
        method="POST",
        url="",
        content_type=CONTENT_TYPE,
        body_bytes=len(body),
        headers=b'[["content-type","application/json"]]',
        body=body,
    )
    return event, fan_out(routing, event, (("content-type", CONTENT_TYPE),))


def journal_system_events(
    connection: Connection, routing: RoutingSnapshot, occurrences: Sequence[Occurrence], *, now_us: int
) -> None:
    """Store `occurrences` and their deliveries inside the caller's transaction."""
    made = [system_event(routing, occurrence, now_us=now_us) for occurrence in occurrences]
    append_events(connection, [event for event, _ in made])
    insert_deliveries(connection, [row for _, rows in made for row in rows])
