"""Applying a route to an event that stands in the journal, as ingest applies it to one that comes."""

from __future__ import annotations

import json

from gateway.clock import to_us
from gateway.delivery.queue.enqueue import DeliveryRow
from gateway.delivery.routes.routing import CompiledRoute, apply_route, subject_of
from gateway.events.append import EventRow
from gateway.events.models import Event


def apply_to_stored(route: CompiledRoute, event: Event, *, headers: bytes, body: bytes) -> DeliveryRow | None:
    """The delivery of `event` by `route`, as `apply_route`. `headers` and `body` are the event's, which may not have
    been read with it; a plain route asks for neither.
    """
    row = row_of(event, headers, body)
    pairs = tuple((name, value) for name, value in json.loads(headers or b"[]"))
    return apply_route(route, row, subject_of(row, pairs))


def row_of(event: Event, headers: bytes, body: bytes) -> EventRow:
    """The event as it was stored; `headers` and `body` may not have been read with it."""
    return EventRow(
        id=event.id,
        tenant_id=event.tenant_id,
        source_id=event.source_id,
        source=event.source,
        provider=event.provider,
        type=event.type,
        dedupe_key=event.dedupe_key,
        received_at=to_us(event.received_at),
        request_id=event.request_id,
        method=event.method,
        url=event.url,
        content_type=event.content_type,
        body_bytes=event.body_bytes,
        headers=headers,
        body=body,
    )
