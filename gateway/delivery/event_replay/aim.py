"""Where a replay of events leads: where they went before, through one route, or raw to one destination."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import ColumnElement, or_, select, true

from gateway.db.scope import TenantSession
from gateway.delivery.destinations.search import require_destination
from gateway.delivery.models import Delivery, Destination, Route
from gateway.delivery.routes.routing import CompiledRoute
from gateway.delivery.routes.rows import judge_ordering_key, judge_route
from gateway.delivery.routes.search import require_route
from gateway.errors import InvalidInput


class Again(StrEnum):
    """Which of the deliveries that an event has already are sent again."""

    NONE = "none"  # none: what is missing is made, and nothing else
    FAILED = "failed"  # what is dead, and what waits after a failed try
    ALL = "all"  # what arrived, was cancelled or waits, too


@dataclass(frozen=True, slots=True)
class Aim:
    """`route` is a name or an id, `destination` a name; without either events go where they went before."""

    again: Again = Again.FAILED
    route: str | None = None
    destination: str | None = None


class Way(NamedTuple):
    """An aim found in the database. `route` makes what is missing, None for nothing; `source` is the only one whose
    events it takes, None for any. `is_its_own` holds for the deliveries that an event has of it already.
    """

    route: CompiledRoute | None
    source: str | None
    is_its_own: ColumnElement[bool]


def find_way(session: TenantSession, aim: Aim) -> Way:
    """Raises `NotFound`, and `InvalidInput` for a route and a destination at once."""
    if aim.route is not None and aim.destination is not None:
        raise InvalidInput("choose a route, which has a destination, or a destination; not both")
    if aim.route is not None:
        return _through(session, require_route(session, aim.route))
    if aim.destination is not None:
        return _raw_to(require_destination(session, aim.destination))
    return Way(None, None, true())


def _through(session: TenantSession, route: Route) -> Way:
    destination = session.get(Destination, route.destination_id)
    compiled = judge_route(route, destination.ordering_key if destination else None).compiled
    # What no route that is there now has made counts as this one's: of a route that was replaced, or of a replay to
    # the destination. It was delivered there, and must not be twice.
    others = select(Route.id).where(Route.id != route.id)
    is_its_own = (Delivery.destination_id == route.destination_id) & or_(
        Delivery.route_id.is_(None), Delivery.route_id.not_in(others)
    )
    return Way(compiled, route.source, is_its_own)


def _raw_to(destination: Destination) -> Way:
    key = judge_ordering_key(destination.ordering_key)
    compiled = CompiledRoute(None, destination.id, lambda _event_type: True, ordering_key=key)
    return Way(compiled, None, Delivery.destination_id == destination.id)
