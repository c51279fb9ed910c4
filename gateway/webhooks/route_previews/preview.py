"""Previews of routes: what one, stored or drafted, would make of each of the last events of its source.

The bounds are those of `delivery.routes.trial`: events further back, and large ones, are not looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import takewhile
from typing import Any

from sqlalchemy import select

from gateway.delivery.models import DeliveryState, Destination
from gateway.delivery.queue.enqueue import DeliveryRow
from gateway.delivery.routes.draft import RouteChange, RouteDraft, faults
from gateway.delivery.routes.routing import TRANSFORM_NULL, CompiledRoute
from gateway.delivery.routes.search import show_route
from gateway.delivery.routes.stored_events import apply_to_stored
from gateway.delivery.routes.trial import compile_draft, last_events
from gateway.errors import InvalidInput
from gateway.events.models import Event
from gateway.tenants.acting import Acting, Transactions
from gateway.webhooks.sources.search import source_slugs

DEFAULT_EVENTS = 20
MAX_EVENTS = 100
# A page's thread is held meanwhile. What is not tried by then is left out.
TRIED_SECONDS = 5.0
# What a transform makes of an event is shown up to so many bytes.
SHOWN_PAYLOAD_BYTES = 16 * 1024


class Fate(StrEnum):
    """What would become of an event."""

    SENT = "sent"  # it would be delivered
    OTHER_TYPE = "other_type"  # none of the route's types is its own
    TURNED_AWAY = "turned_away"  # the filter says no
    NULL = "null"  # the transform gives null, which the route does not allow: a dead letter
    FAILED = "failed"  # an expression fails: a dead letter


@dataclass(frozen=True, slots=True)
class PreviewedEvent:
    """One event. `payload` is what the transform makes of it; None where it makes nothing, where the raw body is sent
    (`payload_bytes` is None too then), and for more than `SHOWN_PAYLOAD_BYTES`.
    """

    event_id: str
    type: str | None
    received_at: datetime
    fate: Fate
    payload: Any = field(default=None, repr=False)
    payload_bytes: int | None = None
    detail: str | None = None

    @property
    def is_sent(self) -> bool:
        """Whether it would be delivered."""
        return self.fate is Fate.SENT


@dataclass(frozen=True, slots=True)
class Preview:
    """What a route would make of the last events of `source`, newest first."""

    source: str
    events: Sequence[PreviewedEvent]

    @property
    def sent(self) -> int:
        """How many of them would be delivered."""
        return sum(1 for event in self.events if event.is_sent)


def preview_route(begin: Transactions, key: str, change: RouteChange, *, last: int = DEFAULT_EVENTS) -> Preview:
    """A stored route as it would be with `change`, by its name or id. Nothing is changed.

    Raises `NotFound`, `InvalidInput`.
    """
    with begin(write=False) as acting:
        return _preview(acting, change.of(show_route(acting, key).draft), last)


def preview_draft(begin: Transactions, draft: RouteDraft, *, last: int = DEFAULT_EVENTS) -> Preview:
    """A route that is not there; its destination may be left empty. Raises `InvalidInput`."""
    with begin(write=False) as acting:
        return _preview(acting, draft, last)


def _preview(acting: Acting, draft: RouteDraft, last: int) -> Preview:
    session = acting.session
    destinations = {*session.scalars(select(Destination.name)), ""}
    found = faults(draft, sources=source_slugs(session), destinations=destinations)
    if not 1 <= last <= MAX_EVENTS:
        found += InvalidInput.at("last", "out_of_range", f"1 to {MAX_EVENTS} events are looked at").faults
    if found:
        raise InvalidInput(faults=found)
    route = compile_draft(draft)
    clock = acting.installation.clock
    ends_at = clock.monotonic() + TRIED_SECONDS
    events = takewhile(lambda _event: clock.monotonic() < ends_at, last_events(session, draft.source, last))
    return Preview(draft.source, tuple(_previewed(route, events)))


def _previewed(route: CompiledRoute, events: Iterable[Event]) -> Iterator[PreviewedEvent]:
    for event in events:
        if not route.matches(event.type):
            yield PreviewedEvent(event.id, event.type, event.received_at, Fate.OTHER_TYPE)
            continue
        row = apply_to_stored(route, event, headers=event.headers, body=event.body)
        payload = None if row is None else row.payload
        yield PreviewedEvent(
            event.id,
            event.type,
            event.received_at,
            _fate(row),
            payload=json.loads(payload) if payload is not None and len(payload) <= SHOWN_PAYLOAD_BYTES else None,
            payload_bytes=None if payload is None else len(payload),
            detail=None if row is None else row.detail,
        )


def _fate(row: DeliveryRow | None) -> Fate:
    if row is None:
        return Fate.TURNED_AWAY
    if row.state != DeliveryState.DEAD:
        return Fate.SENT
    return Fate.NULL if row.reason == TRANSFORM_NULL else Fate.FAILED
