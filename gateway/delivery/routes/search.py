"""Finding routes, and routes as they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from gateway.db.paging import Page, PageRequest, page_of
from gateway.db.scope import TenantSession
from gateway.delivery.models import Destination, Route
from gateway.delivery.routes.draft import RouteDraft
from gateway.delivery.routes.names import is_id
from gateway.delivery.routes.rows import judge_route
from gateway.errors import Hint, NotFound
from gateway.out_of_order import OUT_OF_ORDER, OutOfOrder
from gateway.suggestions import suggest
from gateway.tenants.acting import Acting

ENABLED = "enabled"


@dataclass(frozen=True, slots=True)
class RouteSummary:
    """A route as it is shown. `name` is its id where it has no name, `destination` the destination's name."""

    id: str
    name: str
    source: str
    event_types: Sequence[str]
    where: str | None
    transform: str | None
    allow_null: bool
    connection: str | None
    destination: str
    created_at: datetime
    out_of_order: OutOfOrder | None = None

    @property
    def state(self) -> str:
        """Whether events take it, in a word: `enabled` or `out_of_order`."""
        return ENABLED if self.out_of_order is None else OUT_OF_ORDER

    @property
    def draft(self) -> RouteDraft:
        """This route as somebody would ask for it."""
        name = None if self.name == self.id else self.name
        return RouteDraft(
            self.source,
            self.destination,
            self.event_types,
            self.where,
            self.transform,
            name,
            self.allow_null,
            self.connection,
        )


def find_routes(acting: Acting, page: PageRequest) -> Page[RouteSummary]:
    """A page of the tenant's routes, oldest first. Raises `InvalidInput`."""
    found = page_of(acting.session, select(Route), Route.id, page)
    return Page(summaries(acting.session, found.rows), found.next_cursor)


def show_route(acting: Acting, route: str) -> RouteSummary:
    """One route, by its name or id; where it may be changed, nobody else changes it meanwhile. Raises `NotFound`."""
    [found] = summaries(acting.session, [require_route(acting.session, route, lock=acting.is_writing)])
    return found


def require_route(session: TenantSession, key: str, *, lock: bool = False) -> Route:
    """The row of a route, by its name or its id; `lock`ed until the transaction ends.

    Raises `NotFound`, with a suggestion where one is near.
    """
    column = Route.id if is_id(key) else Route.name
    statement = select(Route).where(column == key)
    route = session.scalars(statement.with_for_update() if lock else statement).first()
    if route is None:
        known = session.scalars(select(func.coalesce(Route.name, Route.id))).all()
        raise NotFound(f"there is no route {key!r}", suggest(key, known, Hint("list_routes")))
    return route


def summaries(session: TenantSession, routes: Sequence[Route]) -> tuple[RouteSummary, ...]:
    """`routes` as they are shown; what is shown of their destinations is read in one statement."""
    wanted = {route.destination_id for route in routes}
    statement = select(Destination.id, Destination.name, Destination.ordering_key).where(Destination.id.in_(wanted))
    found = {row.id: row for row in session.execute(statement)}
    return tuple(
        RouteSummary(
            id=route.id,
            name=route.name or route.id,
            source=route.source,
            event_types=route.event_types,
            where=route.where,
            transform=route.transform,
            allow_null=route.allow_null,
            connection=route.connection_id,
            destination=found[route.destination_id].name,
            created_at=route.created_at,
            out_of_order=judge_route(route, found[route.destination_id].ordering_key).out_of_order,
        )
        for route in routes
    )
