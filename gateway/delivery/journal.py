"""Events with what became of them: the journal as a person reads it. Here, because the deliveries tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from gateway.db.paging import Page, PageRequest
from gateway.delivery.event_status import EventStatus, has_status, statuses, where_few
from gateway.delivery.looked_for import NOTHING, LookedFor
from gateway.delivery.search import DeliveryDetail, deliveries_of
from gateway.events.repeats import NONE, repeats_of
from gateway.events.search import EventDetail, EventFilter, EventSummary, find_events, show_event
from gateway.tenants.acting import Acting


@dataclass(frozen=True, slots=True)
class JournalLine(EventSummary):
    """An event in a list, with its status; `repeats` is how often it came again, and delivered nothing."""

    status: EventStatus
    repeats: int


@dataclass(frozen=True, slots=True)
class JournalDetail(EventDetail):
    """An event with its contents, its status and its deliveries, oldest first; how often it came again, when last."""

    status: EventStatus
    repeats: int
    last_repeat_at: datetime | None
    last_repeat_request_id: str | None
    deliveries: Sequence[DeliveryDetail]


def find_in_journal(
    acting: Acting,
    wanted: EventFilter,
    page: PageRequest,
    *,
    status: EventStatus | None = None,
    looked_for: LookedFor = NOTHING,
) -> Page[JournalLine]:
    """A page of events, newest first; None for any status. Raises `InvalidInput`."""
    found = find_events(
        acting,
        wanted,
        page,
        contents=looked_for.contents(),
        vendor_id=looked_for.vendor_id,
        is_unrouted=status is EventStatus.UNROUTED,
        also=None if status is None else has_status(status),
        among=None if status is None else where_few(acting.session, status),
    )
    ids = [event.id for event in found.rows]
    became, again = statuses(acting.session, ids), repeats_of(acting.session, ids)
    lines = (
        JournalLine(**_fields_of(event), status=became[event.id], repeats=again.get(event.id, NONE).times)
        for event in found.rows
    )
    return Page(tuple(lines), found.next_cursor, found.looked_back_to)


def show_in_journal(acting: Acting, event_id: str) -> JournalDetail:
    """One event, by its id or its vendor's. Raises `NotFound`, `InvalidInput`."""
    event = show_event(acting, event_id)
    became = statuses(acting.session, [event.id])
    deliveries = deliveries_of(acting, event.id)
    again = repeats_of(acting.session, [event.id]).get(event.id, NONE)
    return JournalDetail(
        **_fields_of(event),
        status=became[event.id],
        repeats=again.times,
        last_repeat_at=again.last_at,
        last_repeat_request_id=again.last_request_id,
        deliveries=deliveries,
    )


def _fields_of(event: EventSummary) -> dict[str, Any]:
    return {item.name: getattr(event, item.name) for item in fields(event)}
