"""Routes: added, changed, removed. Applying them is `routing`'s matter."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select

from gateway.db.scope import TenantSession
from gateway.delivery.models import Destination, Route
from gateway.delivery.routes.draft import RouteDraft, faults
from gateway.delivery.routes.search import RouteSummary, require_route, summaries
from gateway.errors import Conflict, InvalidInput
from gateway.security.identifiers import new_id
from gateway.tenants.acting import Acting


def add_route(acting: Acting, draft: RouteDraft, *, sources: Collection[str]) -> RouteSummary:
    """A new route. `sources` are the slugs that a route may name. Raises `InvalidInput`, or `Conflict` for a twin."""
    session = acting.session
    ids = {name: row_id for row_id, name in session.execute(select(Destination.id, Destination.name))}
    found = faults(draft, sources=sources, destinations=ids)
    if found:
        raise InvalidInput(faults=found)
    destination_id = ids[draft.destination]
    _require_no_twin(session, draft, destination_id)
    route = Route(
        id=new_id("rte"),
        tenant_id=session.tenant_id,
        source=draft.source,
        event_types=list(draft.patterns),
        where=draft.where,
        transform=draft.transform,
        destination_id=destination_id,
        created_at=acting.now,
    )
    session.add(route)
    session.flush()
    added = _summary(session, route)
    acting.audit("route.added", route.id, after=added)
    return added


def change_route(
    acting: Acting,
    route_id: str,
    *,
    event_types: Sequence[str] | None = None,
    where: str | None = None,
    transform: str | None = None,
) -> RouteSummary:
    """Give a route what is not None; an empty expression takes it away. For what comes from now on, and for a replay
    of what the route had failed on. Raises `NotFound`, `InvalidInput`, or `Conflict` for a twin.
    """
    session = acting.session
    route = require_route(session, route_id)
    before = _summary(session, route)
    draft = RouteDraft(
        source=route.source,
        destination=before.destination,
        event_types=route.event_types if event_types is None else event_types,
        where=route.where if where is None else where or None,
        transform=route.transform if transform is None else transform or None,
    )
    found = faults(draft, sources=[draft.source], destinations=[draft.destination])
    if found:
        raise InvalidInput(faults=found)
    _require_no_twin(session, draft, route.destination_id, but=route_id)
    route.event_types, route.where, route.transform = list(draft.patterns), draft.where, draft.transform
    session.flush()
    after = _summary(session, route)
    acting.audit("route.changed", route.id, before=before, after=after)
    return after


def remove_route(acting: Acting, route_id: str) -> None:
    """Forget a route; deliveries that it made go on. Raises `NotFound`."""
    route = require_route(acting.session, route_id)
    before = _summary(acting.session, route)
    acting.session.delete(route)
    acting.session.flush()
    acting.audit("route.removed", route_id, before=before)


def _require_no_twin(session: TenantSession, draft: RouteDraft, destination_id: str, *, but: str = "") -> None:
    statement = select(Route).where(
        Route.source == draft.source, Route.destination_id == destination_id, Route.id != but
    )
    rows = session.scalars(statement.order_by(Route.id)).all()
    twin = next((route for route in summaries(session, rows) if route.is_same(draft)), None)
    if twin is not None:
        raise Conflict(f"route {twin.id} says exactly this already")


def _summary(session: TenantSession, route: Route) -> RouteSummary:
    [found] = summaries(session, [route])
    return found
