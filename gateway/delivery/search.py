"""Finding deliveries: pages by filter, one with its attempts, those of an event. Changing them is `retry`'s matter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, literal, select

from gateway.db.paging import Page, PageRequest, page_of
from gateway.db.scope import TenantSession
from gateway.db.time_bounds import between
from gateway.delivery.destinations.search import require_destination
from gateway.delivery.models import Attempt, Delivery, DeliveryState, Destination
from gateway.errors import NotFound
from gateway.events.vendor_ids import named_by_vendor
from gateway.tenants.acting import Acting

PREFIX = "dlv"


@dataclass(frozen=True, slots=True)
class DeliverySearch:
    """Which deliveries; None means any. `destination` is a name, `event_id` an event's id, here or at its vendor."""

    state: DeliveryState | None = None
    destination: str | None = None
    event_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeliverySummary:
    """A delivery as it is shown. `destination` is its name, or its id when the destination was removed."""

    id: str
    event_id: str
    destination: str
    route_id: str | None
    state: str
    reason: str | None
    detail: str | None
    ordering_key: str | None
    attempts_made: int
    next_attempt_at: datetime | None
    created_at: datetime
    finished_at: datetime | None
    is_transformed: bool


@dataclass(frozen=True, slots=True)
class AttemptSummary:
    """One attempt. `response_excerpt` is the beginning of what the receiver answered."""

    number: int
    started_at: datetime
    duration_ms: int
    outcome: str
    status: int | None
    error: str | None
    response_excerpt: str | None


@dataclass(frozen=True, slots=True)
class DeliveryDetail(DeliverySummary):
    """A delivery with its attempts, first one first. `payload` is what its route's transform made, None where the
    event's body is sent.
    """

    attempts: Sequence[AttemptSummary]
    payload: str | None = field(default=None, repr=False)


def find_deliveries(acting: Acting, wanted: DeliverySearch, page: PageRequest) -> Page[DeliverySummary]:
    """A page of deliveries, newest first. Raises `NotFound` for an unknown destination, `InvalidInput`."""
    session = acting.session
    statement = select(Delivery)
    if wanted.state is not None:
        statement = statement.where(state_is(wanted.state))
    if wanted.destination is not None:
        destination = require_destination(session, wanted.destination)
        statement = statement.where(Delivery.destination_id == destination.id)
    if wanted.event_id is not None:
        named = [one.id for one in named_by_vendor(session, wanted.event_id)]
        statement = statement.where(Delivery.event_id.in_([wanted.event_id, *named]))
    statement = statement.where(*between(Delivery.id, Delivery.created_at, PREFIX, wanted.since, wanted.until))
    found = page_of(session, statement, Delivery.id, page, is_descending=True)
    return Page(_summaries(session, found.rows), found.next_cursor)


def show_delivery(acting: Acting, delivery_id: str) -> DeliveryDetail:
    """One delivery. Raises `NotFound`."""
    row = acting.session.scalars(select(Delivery).where(Delivery.id == delivery_id)).first()
    if row is None:
        raise NotFound(f"there is no delivery {delivery_id!r}: it was purged, or belongs to another tenant")
    [detail] = _details(acting.session, [row])
    return detail


def deliveries_of(acting: Acting, event_id: str) -> Sequence[DeliveryDetail]:
    """Every delivery of an event, oldest first."""
    statement = select(Delivery).where(Delivery.event_id == event_id).order_by(Delivery.id)
    return _details(acting.session, acting.session.scalars(statement).all())


def summary(session: TenantSession, delivery: Delivery) -> DeliverySummary:
    """A delivery as it is shown."""
    [found] = _summaries(session, [delivery])
    return found


def state_is(state: DeliveryState) -> ColumnElement[bool]:
    """A clause over `Delivery`."""
    # Written out, not bound: a partial index is used only where the statement repeats its condition.
    return Delivery.state == literal(state.value, literal_execute=True)


def _details(session: TenantSession, rows: Sequence[Delivery]) -> Sequence[DeliveryDetail]:
    """`rows` with their attempts, which are read in one statement."""
    attempts: dict[str, list[AttemptSummary]] = defaultdict(list)
    wanted = select(Attempt).where(Attempt.delivery_id.in_([row.id for row in rows]))
    for attempt in session.scalars(wanted.order_by(Attempt.delivery_id, Attempt.number)):
        attempts[attempt.delivery_id].append(_attempt(attempt))
    payloads = {row.id: None if row.payload is None else row.payload.decode("utf-8", "replace") for row in rows}
    return [
        DeliveryDetail(**_fields_of(one), attempts=tuple(attempts[one.id]), payload=payloads[one.id])
        for one in _summaries(session, rows)
    ]


def _summaries(session: TenantSession, rows: Sequence[Delivery]) -> tuple[DeliverySummary, ...]:
    """`rows` as they are shown; the names of their destinations are read in one statement."""
    wanted = {row.destination_id for row in rows}
    statement = select(Destination.id, Destination.name).where(Destination.id.in_(wanted))
    names = dict(iter(session.execute(statement)))
    return tuple(_summary(row, names) for row in rows)


def _fields_of(summary: DeliverySummary) -> dict[str, Any]:
    return {item.name: getattr(summary, item.name) for item in fields(DeliverySummary)}


def _attempt(row: Attempt) -> AttemptSummary:
    return AttemptSummary(
        number=row.number,
        started_at=row.started_at,
        duration_ms=row.duration_ms,
        outcome=row.outcome,
        status=row.status,
        error=row.error,
        response_excerpt=row.response_excerpt,
    )


def _summary(row: Delivery, names: Mapping[str, str]) -> DeliverySummary:
    return DeliverySummary(
        id=row.id,
        event_id=row.event_id,
        destination=names.get(row.destination_id, row.destination_id),
        route_id=row.route_id,
        state=row.state,
        reason=row.reason,
        detail=row.detail,
        ordering_key=row.ordering_key,
        attempts_made=row.attempts_made,
        next_attempt_at=row.next_attempt_at if row.state == DeliveryState.PENDING else None,
        created_at=row.created_at,
        finished_at=row.finished_at,
        is_transformed=row.payload is not None,
    )
