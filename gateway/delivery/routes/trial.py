"""Trying a route on events that are at hand: how many it would send, turn away, or make dead letters of.

Bounded: so many events of the tenant are looked at, newest first, so many of the source tried, none with a large body.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from gateway.db.scope import TenantSession
from gateway.delivery.decisions.expressions import compile_expression
from gateway.delivery.decisions.patterns import compile_patterns
from gateway.delivery.models import DeliveryState
from gateway.delivery.queue.enqueue import DeliveryRow
from gateway.delivery.routes.draft import RouteDraft
from gateway.delivery.routes.routing import TRANSFORM_NULL, CompiledRoute
from gateway.delivery.routes.stored_events import apply_to_stored
from gateway.events.models import Event

LOOKED_AT_EVENTS = 1_000
TRIED_EVENTS = 50
TRIED_BODY_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of the events of the route's types. `null` are those whose transform gives a null that the route does
    not allow; `detail` says why the first of the failed ones did.
    """

    tried: int = 0
    sent: int = 0
    turned_away: int = 0
    null: int = 0
    failed: int = 0
    detail: str | None = None


def compile_draft(draft: RouteDraft) -> CompiledRoute:
    """A route ready to be tried. `draft` has no fault."""
    return CompiledRoute(
        id=None,
        destination_id="",
        matches=compile_patterns(draft.patterns),
        where=None if draft.where is None else compile_expression(draft.where, what="the filter"),
        transform=None if draft.transform is None else compile_expression(draft.transform, what="the transform"),
        allow_null=draft.allow_null,
    )


def last_events(session: TenantSession, source: str, limit: int = TRIED_EVENTS) -> Sequence[Event]:
    """The newest events of `source`, newest first, within the bounds above and at most `limit`."""
    newest = select(Event.id, Event.source, Event.body_bytes).order_by(Event.id.desc()).limit(LOOKED_AT_EVENTS)
    ids = [
        found.id for found in session.execute(newest) if found.source == source and found.body_bytes <= TRIED_BODY_BYTES
    ]
    chosen = select(Event).where(Event.id.in_(ids[:limit]))
    return session.scalars(chosen.order_by(Event.id.desc())).all()


def try_on_events(route: CompiledRoute, events: Iterable[Event]) -> Tried:
    """What `route` makes of stored events."""
    meant = (event for event in events if route.matches(event.type))
    return count(apply_to_stored(route, event, headers=event.headers, body=event.body) for event in meant)


def count(made: Iterable[DeliveryRow | None]) -> Tried:
    """Counts what a route made, as `apply_route` gives it. Pure."""
    rows = list(made)
    dead = [row for row in rows if row is not None and row.state == DeliveryState.DEAD]
    failed = [row for row in dead if row.reason != TRANSFORM_NULL]
    turned_away = sum(1 for row in rows if row is None)
    return Tried(
        tried=len(rows),
        sent=len(rows) - turned_away - len(dead),
        turned_away=turned_away,
        null=len(dead) - len(failed),
        failed=len(failed),
        detail=failed[0].detail if failed else None,
    )
