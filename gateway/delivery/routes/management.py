"""Routes: added, listed, changed, removed. Use cases over a tenant's session; applying them is `routing`'s matter."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

from sqlalchemy import select

from gateway.db.scope import TenantSession
from gateway.delivery.decisions.expressions import compile_expression
from gateway.delivery.destinations.management import require_destination
from gateway.delivery.models import Destination, Route
from gateway.errors import Conflict, Fault, InvalidInput, NotFound
from gateway.security.identifiers import new_id

EVERYTHING = "*"
PATTERN = re.compile(r"[^\s\x00-\x1f\x7f]{1,255}")


@dataclass(frozen=True, slots=True)
class RouteDraft:
    """A route as a person asks for it. No event types means all."""

    source: str
    destination: str
    event_types: Sequence[str] = ()
    where: str | None = None
    transform: str | None = None

    @property
    def patterns(self) -> tuple[str, ...]:
        """The event types as they are stored: in order, each once, never empty."""
        return tuple(dict.fromkeys(self.event_types)) or (EVERYTHING,)


@dataclass(frozen=True, slots=True)
class RouteSummary:
    """A route as it is shown. `destination` is the destination's name."""

    id: str
    source: str
    event_types: Sequence[str]
    where: str | None
    transform: str | None
    destination: str
    created_at: datetime

    def is_same(self, draft: RouteDraft) -> bool:
        """Whether `draft` asks for exactly this route."""
        return (self.source, self.destination, set(self.event_types), self.where, self.transform) == (
            draft.source,
            draft.destination,
            set(draft.patterns),
            draft.where,
            draft.transform,
        )


def faults(draft: RouteDraft, *, sources: Collection[str], destinations: Collection[str]) -> list[Fault]:
    """Everything that is wrong with `draft`, given the slugs and names that exist. Pure."""
    found = []
    if draft.source not in sources:
        found.append(Fault("source", f"there is no source {draft.source!r}{_hint(draft.source, sources)}"))
    if draft.destination not in destinations:
        found.append(
            Fault("to", f"there is no destination {draft.destination!r}{_hint(draft.destination, destinations)}")
        )
    found += [
        Fault("types", f"{pattern!r} is not an event type or a pattern such as pull_request.*")
        for pattern in draft.event_types
        if not PATTERN.fullmatch(pattern)
    ]
    for name, expression in (("where", draft.where), ("transform", draft.transform)):
        try:
            if expression is not None:
                compile_expression(expression, what=f"the {name} expression")
        except InvalidInput as error:
            found.append(Fault(name, str(error)))
    return found


def add_route(session: TenantSession, draft: RouteDraft, *, sources: Collection[str], now: datetime) -> RouteSummary:
    """A new route. `sources` are the slugs that a route may name. Raises `InvalidInput`, or `Conflict` for a twin."""
    names = session.scalars(select(Destination.name)).all()
    found = faults(draft, sources=sources, destinations=names)
    if found:
        raise InvalidInput("\n".join(fault.message for fault in found))
    twin = next((route for route in list_routes(session) if route.is_same(draft)), None)
    if twin is not None:
        raise Conflict(f"route {twin.id} says exactly this already")
    route = Route(
        id=new_id("rte"),
        tenant_id=session.tenant_id,
        source=draft.source,
        event_types=list(draft.patterns),
        where=draft.where,
        transform=draft.transform,
        destination_id=require_destination(session, draft.destination).id,
        created_at=now,
    )
    session.add(route)
    session.flush()
    return _summary(route, draft.destination)


def list_routes(session: TenantSession) -> list[RouteSummary]:
    """Every route of the tenant, oldest first."""
    names = {row.id: row.name for row in session.scalars(select(Destination))}
    return [_summary(route, names[route.destination_id]) for route in session.scalars(select(Route).order_by(Route.id))]


def change_route(
    session: TenantSession,
    route_id: str,
    *,
    event_types: Sequence[str] | None = None,
    where: str | None = None,
    transform: str | None = None,
) -> RouteSummary:
    """Give a route what is not None; an empty expression takes it away. For what comes from now on, and for a replay
    of what the route had failed on. Raises `NotFound`, `InvalidInput`, or `Conflict` for a twin.
    """
    route = _require_route(session, route_id)
    destination = session.scalars(select(Destination.name).where(Destination.id == route.destination_id)).one()
    draft = RouteDraft(
        source=route.source,
        destination=destination,
        event_types=route.event_types if event_types is None else event_types,
        where=route.where if where is None else where or None,
        transform=route.transform if transform is None else transform or None,
    )
    found = faults(draft, sources=[route.source], destinations=[destination])
    if found:
        raise InvalidInput("\n".join(fault.message for fault in found))
    twin = next((other for other in list_routes(session) if other.id != route_id and other.is_same(draft)), None)
    if twin is not None:
        raise Conflict(f"route {twin.id} says exactly this already")
    route.event_types, route.where, route.transform = list(draft.patterns), draft.where, draft.transform
    session.flush()
    return _summary(route, destination)


def remove_route(session: TenantSession, route_id: str) -> None:
    """Forget a route; deliveries that it made go on. Raises `NotFound`."""
    session.delete(_require_route(session, route_id))
    session.flush()


def _require_route(session: TenantSession, route_id: str) -> Route:
    route = session.get(Route, route_id)
    if route is None or route.tenant_id != session.tenant_id:
        raise NotFound(f"there is no route {route_id!r}; see `gateway routes list`")
    return route


def _hint(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, list(known), n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; there is {', '.join(sorted(known))}" if known else "; add it first"


def _summary(route: Route, destination: str) -> RouteSummary:
    return RouteSummary(
        id=route.id,
        source=route.source,
        event_types=route.event_types,
        where=route.where,
        transform=route.transform,
        destination=destination,
        created_at=route.created_at,
    )
