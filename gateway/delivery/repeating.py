"""The requests of an event's deliveries as somebody may send them by hand: without anything that is secret."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from gateway.delivery.journal import JournalDetail
from gateway.delivery.models import Destination
from gateway.delivery.search import DeliveryDetail
from gateway.delivery.sending.request import forwarded_headers
from gateway.security.redaction import HIDDEN, REDACTED, redact_url
from gateway.tenants.acting import Acting


@dataclass(frozen=True, slots=True)
class Repeatable:
    """`url` is None for a handler, and for what is gone; `is_cut` says that parts of it are left out since they are
    secret. The body is the event's, or what the transform made where `is_transformed`.
    """

    event_id: str
    delivery_id: str
    destination: str
    url: str | None
    headers: tuple[tuple[str, str], ...] = ()
    is_cut: bool = False
    is_transformed: bool = False


def repeatable(acting: Acting, event: JournalDetail) -> Sequence[Repeatable]:
    """One for each delivery of an event, as it would be sent now but for its signature."""
    names = {delivery.destination for delivery in event.deliveries}
    statement = select(Destination.name, Destination.url).where(Destination.name.in_(names))
    urls = dict(iter(acting.session.execute(statement)))
    return [_request(event, delivery, urls.get(delivery.destination)) for delivery in event.deliveries]


def _request(event: JournalDetail, delivery: DeliveryDetail, url: str | None) -> Repeatable:
    if url is None:
        return Repeatable(event.id, delivery.id, delivery.destination, None)
    shown = redact_url(url)
    headers = tuple(_headers(event, delivery))
    is_transformed = delivery.is_transformed
    return Repeatable(event.id, delivery.id, delivery.destination, shown, headers, shown != url, is_transformed)


def _headers(event: JournalDetail, delivery: DeliveryDetail) -> Iterator[tuple[str, str]]:
    shown = [(name, value) for name, value in event.headers if HIDDEN not in value and REDACTED not in value]
    left_out = {"content-encoding"} if delivery.is_transformed else set()
    for name, value in forwarded_headers(json.dumps(shown).encode(), frozenset()):
        if name.lower() not in left_out:
            yield name, value
    content_type = "application/json" if delivery.is_transformed else event.content_type
    if content_type:
        yield "Content-Type", content_type
    if event.type:
        yield "gateway-event-type", event.type
    yield "gateway-event-id", event.id
    yield "gateway-source", event.source
    yield "webhook-id", delivery.id
