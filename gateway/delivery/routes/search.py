"""Finding routes, and routes as they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from gateway.db.paging import Page, PageRequest, page_of
from gateway.db.scope import TenantSession
from gateway.delivery.models import Destination, Route
from gateway.delivery.routes.draft import RouteDraft
from gateway.delivery.routes.rows import judge_route
from gateway.errors import Hint, NotFound
from gateway.out_of_order import OUT_OF_ORDER, OutOfOrder
from gateway.tenants.acting import Acting

ENABLED = "enabled"


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
    out_of_order: OutOfOrder | None = None

    @property
    def state(self) -> str:
        """Whether events take it, in a word: `enabled` or `out_of_order`."""
        return ENABLED if self.out_of_order is None else OUT_OF_ORDER

    def is_same(self, draft: RouteDraft) -> bool:
        """Whether `draft` asks for exactly this route."""
        return (self.source, self.destination, set(self.event_types), self.where, self.transform) == (
            draft.source,
            draft.destination,
            set(draft.patterns),
            draft.where,
            draft.transform,
        )


def find_routes(acting: Acting, page: PageRequest) -> Page[RouteSummary]:
    """A page of the tenant's routes, oldest first. Raises `InvalidInput`."""
    found = page_of(acting.session, select(Route), Route.id, page)
    return Page(summaries(acting.session, found.rows), found.next_cursor)


def require_route(session: TenantSession, route_id: str) -> Route:
    """The row of a route. Raises `NotFound`."""
    route = session.scalars(select(Route).where(Route.id == route_id)).first()
    if route is None:
        raise NotFound(f"there is no route {route_id!r}", Hint("list_routes"))
    return route


def summaries(session: TenantSession, routes: Sequence[Route]) -> tuple[RouteSummary, ...]:
    """`routes` as they are shown; what is shown of their destinations is read in one statement."""
    wanted = {route.destination_id for route in routes}
    statement = select(Destination.id, Destination.name, Destination.ordering_key).where(Destination.id.in_(wanted))
    found = {row.id: row for row in session.execute(statement)}
    return tuple(
        RouteSummary(
            id=route.id,
            source=route.source,
            event_types=route.event_types,
            where=route.where,
            transform=route.transform,
            destination=found[route.destination_id].name,
            created_at=route.created_at,
            out_of_order=judge_route(route, found[route.destination_id].ordering_key).out_of_order,
        )
        for route in routes
    )
