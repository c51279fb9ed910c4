"""A route as a person adds one: here it is known which sources there are, and in `delivery` everything else."""

from __future__ import annotations

from gateway.delivery.routes import management
from gateway.delivery.routes.draft import RouteDraft
from gateway.delivery.routes.search import RouteSummary
from gateway.tenants.acting import Acting
from gateway.webhooks.sources.search import source_slugs


def add_route(acting: Acting, draft: RouteDraft) -> RouteSummary:
    """A new route. Raises `InvalidInput` with every fault, or `Conflict` for a twin."""
    return management.add_route(acting, draft, sources=source_slugs(acting.session))
