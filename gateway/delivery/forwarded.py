"""An event as its destinations see it: what somebody is given who lets it come to a server of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import select

from gateway.delivery.sending.request import forwarded_headers, printable
from gateway.events.at_rest import open_request_part
from gateway.events.models import Event
from gateway.events.vendor_ids import require_event_id
from gateway.tenants.acting import Acting


@dataclass(frozen=True, slots=True)
class ForwardedEvent:
    """`headers` are the vendor's that are passed on, those of the body and the gateway's own, without a signature of
    the gateway.
    """

    id: str
    source: str
    type: str | None
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)


def forwarded_event(acting: Acting, event_id: str, *, with_secrets: bool = False) -> ForwardedEvent:
    """An event, by its id or its vendor's. `with_secrets` opens what its body is kept with sealed, as deliveries do.

    Raises `NotFound`, `InvalidInput` where several are called so, and `DecryptionFailed`.
    """
    found = require_event_id(acting.session, event_id)
    row = acting.session.scalars(select(Event).where(Event.id == found)).one()
    body = row.body
    if with_secrets:
        keyring = acting.installation.keyring
        body = open_request_part(keyring, body, tenant_id=acting.session.tenant_id, source=row.source)
    headers = (*forwarded_headers(row.headers, acting.installation.secret_headers), *_added(row))
    return ForwardedEvent(row.id, row.source, row.type, headers, body)


def _added(row: Event) -> Iterator[tuple[str, str]]:
    for name, value in (("Content-Type", row.content_type), ("gateway-event-type", row.type)):
        if value and (text := printable(value)):
            yield name, text
    yield "gateway-event-id", row.id
    yield "gateway-source", row.source
