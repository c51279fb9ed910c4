"""Finding events: pages by filter, one event with its contents, and those that came after a moment.

Walks ids, which sort by time; where a filter lets few events pass, by way of blocks (`gateway.events.blocks`). What
became of an event is `gateway.delivery`'s matter; a filter over it is handed in as a clause.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import defer

from gateway.db.paging import Page, PageRequest, cursor_at, page_of, position_of
from gateway.db.scope import SystemSession, TenantSession
from gateway.db.time_bounds import between, id_bounds
from gateway.events.blocks.contents import Contents
from gateway.events.blocks.finding import NOTHING, newest
from gateway.events.blocks.stretches import Sought
from gateway.events.blocks.words import words_in
from gateway.events.dedupe_key import dedupe_key
from gateway.events.matching import require_pattern
from gateway.events.models import Event
from gateway.events.vendor_ids import named_by_vendor, require_event_id
from gateway.security.identifiers import time_of
from gateway.security.redaction import redact_headers, redact_url
from gateway.tenants.acting import Acting

PREFIX = "evt"


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events; None means any. `type` is an event type or a pattern with `*` and `?`."""

    source: str | None = None
    type: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class EventSummary:
    """An event in a list, without its contents."""

    id: str
    source: str
    provider: str
    type: str | None
    dedupe_key: str | None
    received_at: datetime
    content_type: str | None
    body_bytes: int


@dataclass(frozen=True, slots=True)
class EventDetail(EventSummary):
    """An event with its exact bytes. URL and headers are as received, without the values that must not be shown."""

    request_id: str | None
    method: str
    url: str
    headers: Sequence[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)


def find_events(
    acting: Acting,
    wanted: EventFilter,
    page: PageRequest,
    *,
    contents: Contents = NOTHING,
    vendor_id: str | None = None,
    is_unrouted: bool = False,
    also: ColumnElement[bool] | None = None,
    among: Select[str] | None = None,
) -> Page[EventSummary]:
    """A page of events, newest first. `contents` are looked for inside of them, `vendor_id` is the id that the vendor
    gave; `also` narrows it further, `is_unrouted` says that it lets only events without deliveries pass,
    `among` selects the ids of all that it lets pass, and perhaps of some others, where they are few.

    Looking inside is given up after some time: the page says so in `looked_back_to`. Raises `InvalidInput`.
    """
    clauses = matching(acting.session, wanted) + ([] if also is None else [also])
    if vendor_id is not None:
        clauses.append(Event.dedupe_key == dedupe_key(vendor_id))
        ids = [one.id for one in named_by_vendor(acting.session, vendor_id)]
        if ids:
            among = select(Event.id).where(Event.tenant_id == acting.session.tenant_id, Event.id.in_(ids))
        else:
            # Of a source that is gone: dedupe keys are among the words by which blocks are found.
            contents = replace(contents, words=contents.words | words_in(dedupe_key(vendor_id) or ""))
    sought = Sought(wanted.source, wanted.type, is_unrouted, contents.words)
    if sought == Sought() and among is None and not contents:
        found = page_of(acting.session, _summarised().where(*clauses), Event.id, page, is_descending=True)
        return Page(tuple(EventSummary(**_summary_fields(row)) for row in found.rows), found.next_cursor)
    return _page(acting, wanted, sought, contents, clauses, among, page)


def find_one_of(acting: Acting, wanted: EventFilter) -> bool:
    """Whether there is any event that `wanted` lets pass, as far as can be told at once."""
    return bool(find_events(acting, wanted, PageRequest(1)).rows)


def _page(
    acting: Acting,
    wanted: EventFilter,
    sought: Sought,
    contents: Contents,
    clauses: Sequence[ColumnElement[bool]],
    among: Select[str] | None,
    page: PageRequest,
) -> Page[EventSummary]:
    below, above = id_bounds(PREFIX, wanted.since, wanted.until)
    if page.cursor is not None:
        cursor = position_of(Event.id, page.cursor)
        below = min(below, cursor) if below else cursor
    found = newest(
        acting.session,
        sought,
        clauses,
        contents=contents,
        among=among,
        below_id=below,
        above_id=above,
        limit=page.limit + 1,
        clock=acting.installation.clock,
    )
    shown = found.ids[: page.limit]
    rows = acting.session.scalars(_summarised().where(Event.id.in_(shown)).order_by(Event.id.desc())).all()
    summaries = tuple(EventSummary(**_summary_fields(row)) for row in rows)
    if len(found.ids) > page.limit:
        return Page(summaries, cursor_at(Event.id, shown[-1]))
    if found.reached_id:
        return Page(summaries, cursor_at(Event.id, found.reached_id), time_of(found.reached_id))
    return Page(summaries)


def events_after(session: TenantSession, wanted: EventFilter, after_id: str, limit: int) -> list[EventSummary]:
    """At most `limit` events whose id is greater than `after_id`, oldest first."""
    statement = _summarised().where(*matching(session, wanted), Event.id > after_id).order_by(Event.id).limit(limit)
    return [EventSummary(**_summary_fields(row)) for row in session.scalars(statement)]


def events_with(
    session: SystemSession, ids: Collection[str], tenants: Collection[str]
) -> list[tuple[str, EventSummary]]:
    """Those of the events with these ids that belong to these tenants: whose they are, and what; oldest first."""
    statement = _summarised().where(Event.id.in_(ids), Event.tenant_id.in_(tenants)).order_by(Event.id)
    return [(row.tenant_id, EventSummary(**_summary_fields(row))) for row in session.scalars(statement)]


def show_event(acting: Acting, event_id: str) -> EventDetail:
    """One event, by its id or its vendor's. Raises `NotFound`, and `InvalidInput` where several are called so."""
    found = require_event_id(acting.session, event_id)
    row = acting.session.scalars(select(Event).where(Event.id == found)).one()
    headers = [(str(name), str(value)) for name, value in json.loads(row.headers)]
    return EventDetail(
        **_summary_fields(row),
        request_id=row.request_id,
        method=row.method,
        url=redact_url(row.url),
        headers=tuple(redact_headers(headers, acting.installation.proof_headers)),
        body=row.body,
    )


def matching(session: TenantSession, wanted: EventFilter) -> list[ColumnElement[bool]]:
    """Clauses over `Event` that hold for what is wanted. Raises `InvalidInput`."""
    clauses: list[ColumnElement[bool]] = []
    if wanted.source is not None:
        clauses.append(Event.source == wanted.source)
    if wanted.type is not None:
        clauses.append(_type_matches(wanted.type, is_sqlite=session.get_bind().dialect.name == "sqlite"))
    return clauses + between(Event.id, Event.received_at, PREFIX, wanted.since, wanted.until)


def _summarised() -> Select[Event]:
    # Lists must not read bodies: they may be megabytes each.
    return select(Event).options(defer(Event.body), defer(Event.headers))


def _type_matches(pattern: str, *, is_sqlite: bool) -> ColumnElement[bool]:
    require_pattern(pattern)
    if "*" not in pattern and "?" not in pattern:
        return Event.type == pattern
    # LIKE ignores case on SQLite; event types do not.
    like = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%").replace("?", "_")
    matches = Event.type.op("GLOB", is_comparison=True)(pattern) if is_sqlite else Event.type.like(like, escape="\\")
    if pattern.endswith(".*"):
        return or_(matches, Event.type == pattern.removesuffix(".*"))
    return and_(matches)


def _summary_fields(row: Event) -> dict[str, Any]:
    return {item.name: getattr(row, item.name) for item in fields(EventSummary)}
