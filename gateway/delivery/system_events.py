"""Publishing what happens inside: journalled with source `gateway`, in the transaction that caused it, and routed.

What there is to publish, and in what shape, stands in `gateway.events.system`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import orjson
from sqlalchemy import Connection

from gateway.clock import from_us
from gateway.delivery.queue.enqueue import DeliveryRow, insert_deliveries
from gateway.delivery.routes.routing import RoutingSnapshot, fan_out
from gateway.events.append import EventRow, append_events
from gateway.events.models import SYSTEM_SOURCE
from gateway.events.system import Occurrence
from gateway.security.identifiers import new_id

CONTENT_TYPE = "application/json"


def system_event(
    routing: RoutingSnapshot, occurrence: Occurrence, *, now_us: int
) -> tuple[EventRow, tuple[DeliveryRow, ...]]:
    """The event of `occurrence` and its deliveries, ready to be stored. The body is `{id, type, timestamp, data}`."""
    event_id = new_id("evt")
    timestamp = from_us(now_us).isoformat()
    document = {"id": event_id, "type": occurrence.type, "timestamp": timestamp, "data": dict(occurrence.data)}
    body = _written(document)
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


def _written(document: Mapping[str, object]) -> bytes:
    try:
        return orjson.dumps(document)
    except TypeError:
        # Numbers beyond 64 bits.
        return json.dumps(document, separators=(",", ":")).encode("utf-8")


def publish_system_events(
    connection: Connection, routing: RoutingSnapshot, occurrences: Sequence[Occurrence], *, now_us: int
) -> None:
    """Store `occurrences` and their deliveries inside the caller's transaction."""
    made = [system_event(routing, occurrence, now_us=now_us) for occurrence in occurrences]
    append_events(connection, [event for event, _ in made])
    insert_deliveries(connection, [row for _, rows in made for row in rows])
