"""Routes: added, changed in place, removed. Applying them is `routing`'s matter."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from gateway.db.scope import TenantSession
from gateway.delivery.destinations.grants import connection_fault
from gateway.delivery.models import Destination, Route
from gateway.delivery.routes.draft import RouteChange, RouteDraft, faults
from gateway.delivery.routes.names import derived_name, stem
from gateway.delivery.routes.search import RouteSummary, require_route, summaries
from gateway.errors import Conflict, Hint, InvalidInput
from gateway.security.identifiers import new_id
from gateway.tenants.acting import Acting


def add_route(acting: Acting, draft: RouteDraft, *, sources: Collection[str]) -> RouteSummary:
    """A new route. `sources` are the slugs that a route may name.

    Raises `InvalidInput`, or `Conflict` for a twin and for a name that is taken.
    """
    session = acting.session
    route = Route(id=new_id("rte"), tenant_id=session.tenant_id, created_at=acting.now)
    _fill(session, route, draft, sources)
    if route.name is None:
        route.name = _free_name(session, draft)
    session.add(route)
    _flush(session)
    _require_no_twin(session, route, draft)
    added = _summary(session, route)
    acting.audit("route.added", route.id, route.name, after=added)
    return added


def change_route(acting: Acting, key: str, change: RouteChange, *, sources: Collection[str]) -> RouteSummary:
    """Change a route in place, by its name or id. For what comes from now on, and for a replay of what the route had
    failed on. One that changes nothing is no change.

    Raises `NotFound`, `InvalidInput`, or `Conflict` for a twin and for a name that is taken.
    """
    route = require_route(acting.session, key, lock=True)
    before = _summary(acting.session, route)
    draft = change.of(before.draft)
    if draft.is_same(before.draft) and draft.name == before.draft.name:
        return before
    after = update_route(acting, route.id, draft, sources=sources)
    _require_no_twin(acting.session, route, draft)
    return after


def update_route(acting: Acting, route_id: str, draft: RouteDraft, *, sources: Collection[str]) -> RouteSummary:
    """Bring a route to what `draft` says; without a name there it keeps its own. Whether it has a twin then is the
    caller's matter, who may be changing several. Raises `NotFound`, `InvalidInput`, or `Conflict` for a taken name.
    """
    session = acting.session
    route = require_route(session, route_id, lock=True)
    before = _summary(session, route)
    _fill(session, route, draft, sources)
    _flush(session)
    after = _summary(session, route)
    acting.audit("route.changed", route.id, route.name, before=before, after=after)
    return after


def remove_route(acting: Acting, key: str) -> None:
    """Forget a route, by its name or id; deliveries that it made go on. Raises `NotFound`."""
    route = require_route(acting.session, key, lock=True)
    before = _summary(acting.session, route)
    acting.session.delete(route)
    acting.session.flush()
    acting.audit("route.removed", route.id, route.name, before=before)


def _fill(session: TenantSession, route: Route, draft: RouteDraft, sources: Collection[str]) -> None:
    ids = {name: row_id for row_id, name in session.execute(select(Destination.id, Destination.name))}
    found = faults(draft, sources=sources, destinations=ids)
    fault = connection_fault(session.connection(), session.tenant_id, draft.connection)
    if fault is not None:
        found.append(fault)
    if found:
        raise InvalidInput(faults=found)
    if draft.name is not None and draft.name != route.name:
        _require_free(session, draft.name)
        route.name = draft.name
    route.source = draft.source
    route.event_types = list(draft.patterns)
    route.where, route.transform, route.allow_null = draft.where, draft.transform, draft.allow_null
    route.connection_id = draft.connection
    route.destination_id = ids[draft.destination]


def _require_free(session: TenantSession, name: str) -> None:
    if session.scalar(select(Route.id).where(Route.name == name)) is not None:
        raise Conflict(f"there is a route {name!r} already", Hint("show_route", {"name": name}))


def _free_name(session: TenantSession, draft: RouteDraft) -> str:
    beginning = Route.name.startswith(stem(draft.source, draft.destination), autoescape=True)
    taken = {name for name in session.scalars(select(Route.name).where(beginning)) if name is not None}
    return derived_name(draft.source, draft.destination, taken)


def _flush(session: TenantSession) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict("routes or destinations were changed by somebody else at this moment: try again") from error


def _require_no_twin(session: TenantSession, route: Route, draft: RouteDraft) -> None:
    statement = select(Route).where(
        Route.source == route.source, Route.destination_id == route.destination_id, Route.id != route.id
    )
    others = summaries(session, session.scalars(statement.order_by(Route.id)).all())
    twin = next((other for other in others if other.draft.is_same(draft)), None)
    if twin is not None:
        raise Conflict(f"the route {twin.name} says exactly this already", Hint("show_route", {"name": twin.name}))


def _summary(session: TenantSession, route: Route) -> RouteSummary:
    [found] = summaries(session, [route])
    return found
