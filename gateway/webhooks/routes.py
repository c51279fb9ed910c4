"""Routes as a person adds and changes them: here it is known which sources there are, in `delivery` the rest."""

from __future__ import annotations

from gateway.delivery.routes import management
from gateway.delivery.routes.draft import RouteChange, RouteDraft
from gateway.delivery.routes.search import RouteSummary
from gateway.tenants.acting import Acting
from gateway.webhooks.sources.search import source_slugs


def add_route(acting: Acting, draft: RouteDraft) -> RouteSummary:
    """A new route. Raises `InvalidInput` with every fault, or `Conflict` for a twin and for a name that is taken."""
    return management.add_route(acting, draft, sources=source_slugs(acting.session, held=[draft.source]))


def change_route(acting: Acting, key: str, change: RouteChange) -> RouteSummary:
    """Change a route in place, by its name or id. Raises `NotFound`, `InvalidInput`, `Conflict` as above."""
    held = [] if change.source is None else [change.source]
    return management.change_route(acting, key, change, sources=source_slugs(acting.session, held=held))
