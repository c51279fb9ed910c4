"""From a verified request to what the journal stores: event type, dedupe key, rows, deliveries. Pure."""

from __future__ import annotations

import orjson

from gateway.delivery.models import DeliveryState
from gateway.delivery.queue.enqueue import DeliveryRow
from gateway.delivery.routes.routing import RoutingSnapshot, fan_out
from gateway.delivery.system_events import system_event
from gateway.errors import ConfigurationError
from gateway.events.append import EventRow
from gateway.events.dedupe_key import dedupe_key
from gateway.events.system import delivery_dead
from gateway.jobs.from_events import GRANT_ENDED, RECORDS_NAMED, EventJob, event_job
from gateway.security.identifiers import new_id
from gateway.webhooks.arrival import Arrival
from gateway.webhooks.receive.entry import Entry
from gateway.webhooks.sources.rows import SourceView
from gateway.webhooks.verification import Verdict

CONTENT_TYPE_CHARACTERS = 255


def entries_of(arrival: Arrival, source: SourceView, routing: RoutingSnapshot, verdict: Verdict) -> tuple[Entry, ...]:
    """One entry for the request, or one for each event of a batch.

    A batch in which no event could be found, or too many, is kept whole: authentic data is never refused for its shape.
    A body that the proof does not allow for is not authentic, and not kept. Shared secrets are sealed.
    """
    sealer = source.sealer
    if sealer is None:
        raise ConfigurationError(["there is no encryption key: nothing can be stored without"])
    # Before the routes see it: what a filter or transform takes out of it is kept too.
    kept, kept_headers, kept_url = arrival, sealer.headers(arrival.headers), sealer.url(arrival.url)
    if kept_headers is not arrival.headers or kept_url != arrival.url:
        kept = arrival._replace(headers=kept_headers, url=kept_url)
    headers = orjson.dumps(kept.headers)
    if not verdict.events:
        body = arrival.body if verdict.has_body else b""
        row = _row(kept, source, headers, verdict.event_type, verdict.event_id, len(body), sealer.body(body))
        return (_entry(row, kept, routing, source),)
    return tuple(
        _entry(
            _row(kept, source, headers, item.type, item.id, len(item.body), sealer.body(item.body)),
            kept,
            routing,
            source,
        )
        for item in verdict.events
    )


def _row(
    arrival: Arrival,
    source: SourceView,
    headers: bytes,
    event_type: str | None,
    event_id: str | None,
    body_bytes: int,
    body: bytes,
) -> EventRow:
    return EventRow(
        id=new_id("evt"),
        tenant_id=source.tenant_id,
        source_id=source.id,
        source=source.slug,
        provider=source.provider_id,
        type=event_type,
        dedupe_key=dedupe_key(event_id),
        received_at=arrival.received_at_us,
        request_id=arrival.request_id,
        method=arrival.method,
        url=arrival.url,
        content_type=(arrival.header("content-type") or "")[:CONTENT_TYPE_CHARACTERS] or None,
        body_bytes=body_bytes,
        headers=headers,
        body=body,
    )


def _entry(event: EventRow, arrival: Arrival, routing: RoutingSnapshot, source: SourceView) -> Entry:
    deliveries = fan_out(routing, event, arrival.headers)
    dead = [row for row in deliveries if row.state == DeliveryState.DEAD]
    follow_ups = tuple([_report(event, row, arrival, routing) for row in dead])
    job = None
    if event.type in source.provider.ending_events:
        job = _job(GRANT_ENDED, event)
    elif source.is_followed:
        job = _job(RECORDS_NAMED, event)
    return Entry(event, deliveries, follow_ups, job, source.redelivers_duplicates)


def _job(kind: str, event: EventRow) -> EventJob:
    return event_job(
        kind,
        tenant_id=event.tenant_id,
        event_id=event.id,
        at_us=event.received_at,
        request_id=event.request_id,
    )


def _report(event: EventRow, delivery: DeliveryRow, arrival: Arrival, routing: RoutingSnapshot) -> Entry:
    occurrence = delivery_dead(
        event.tenant_id,
        delivery_id=delivery.id,
        event_id=event.id,
        event_type=event.type,
        source=event.source,
        destination_id=delivery.destination_id,
        destination=routing.destination_name(delivery.destination_id),
        attempts=0,
        reason=delivery.reason,
        detail=delivery.detail,
    )
    return Entry(*system_event(routing, occurrence, now_us=arrival.received_at_us))
