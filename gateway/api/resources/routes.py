"""`/routes`: which events go where, and what they would make of the last ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.api.declaring import Resource
from gateway.db.paging import Page, PageRequest
from gateway.delivery.routes import management, search
from gateway.delivery.routes.draft_schema import RouteChangeSchema, RouteDraftSchema, route_change, route_draft
from gateway.delivery.routes.schema import RouteSchema
from gateway.delivery.routes.search import RouteSummary
from gateway.tenants.acting import Acting, Transactions
from gateway.tenants.api_keys.scopes import Scope
from gateway.webhooks import routes
from gateway.webhooks.route_previews import preview
from gateway.webhooks.route_previews.preview import Preview
from gateway.webhooks.route_previews.schema import PreviewSchema, RouteChangePreviewSchema, RouteDraftPreviewSchema

READ, WRITE = Scope.ROUTES_READ, Scope.ROUTES_WRITE
# A preview shows what events say.
PREVIEW = (Scope.ROUTES_READ, Scope.EVENTS_READ)
REVIEWS: Mapping[str, Any] = {
    "id": "rte_06bk7e8v3s9p41pf7j0q5m2c8g",
    "name": "github-to-app",
    "source": "github",
    "event_types": ["pull_request.*"],
    "where": None,
    "transform": None,
    "allow_null": False,
    "connection": None,
    "destination": "app",
    "created_at": "2026-11-27T12:00:00.000Z",
    "state": "enabled",
    "out_of_order": None,
}
PREVIEWED: Mapping[str, Any] = {
    "source": "github",
    "sent": 1,
    "events": [
        {
            "event_id": "evt_06bk7e8v3s9p41pf7j0q5m2c8g",
            "type": "pull_request.opened",
            "received_at": "2026-11-27T12:00:00.000Z",
            "fate": "sent",
            "payload": {"title": "Mend the fence"},
            "payload_bytes": 26,
            "detail": None,
        }
    ],
}

resource = Resource("routes", "Which events of which source go to which destination, filtered and reshaped.")


@resource.list("/routes", scope=READ, answer=RouteSchema, example=REVIEWS)
def list_routes(acting: Acting, page: PageRequest) -> Page[RouteSummary]:
    """List routes, the oldest first."""
    return search.find_routes(acting, page)


@resource.post(
    "/routes",
    scope=WRITE,
    body=RouteDraftSchema,
    body_example={"source": "github", "event_types": ["pull_request.*"], "destination": "app"},
    answer=RouteSchema,
    status=201,
    example=REVIEWS,
)
def add_route(acting: Acting, body: Mapping[str, Any]) -> RouteSummary:
    """Add a route.

    It takes what comes from now on.
    """
    return routes.add_route(acting, route_draft(body))


@resource.post(
    "/routes/preview",
    scope=PREVIEW,
    opens=True,
    body=RouteDraftPreviewSchema,
    body_example={"source": "github", "event_types": ["pull_request.*"], "transform": "{title: pull_request.title}"},
    answer=PreviewSchema,
    example=PREVIEWED,
)
def preview_route_draft(begin: Transactions, body: Mapping[str, Any]) -> Preview:
    """Preview a route that is not there.

    Says of each of the last events of the source whether the route would take it, and what its transform would make of
    it. Of the last 1000 events of all sources those are looked at that have at most 64 KB.
    """
    return preview.preview_draft(begin, route_draft(body), last=body["last"])


@resource.get("/routes/<route>", scope=READ, answer=RouteSchema, example=REVIEWS)
def show_route(acting: Acting, route: str) -> RouteSummary:
    """Show a route."""
    return search.show_route(acting, route)


@resource.patch(
    "/routes/<route>",
    scope=WRITE,
    current=search.show_route,
    body=RouteChangeSchema,
    body_example={"where": "pull_request.draft == `false`"},
    answer=RouteSchema,
    example={**REVIEWS, "where": "pull_request.draft == `false`"},
)
def change_route(acting: Acting, route: str, body: Mapping[str, Any]) -> RouteSummary:
    """Change a route.

    For what comes from now on, and for a replay of what it had failed on. What is not named stays as it is.
    """
    return routes.change_route(acting, route, route_change(body))


@resource.delete("/routes/<route>", scope=WRITE, current=search.show_route, current_as=RouteSchema)
def remove_route(acting: Acting, route: str) -> None:
    """Forget a route.

    Deliveries that it made go on.
    """
    management.remove_route(acting, route)


@resource.post(
    "/routes/<route>/preview",
    scope=PREVIEW,
    opens=True,
    body=RouteChangePreviewSchema,
    body_example={"where": "pull_request.draft == `false`", "last": 50},
    answer=PreviewSchema,
    example=PREVIEWED,
)
def preview_route(begin: Transactions, route: str, body: Mapping[str, Any]) -> Preview:
    """Preview a route, as it is or as it would be.

    With nothing in the body, the route as it is; else with this change, which is not made.
    """
    return preview.preview_route(begin, route, route_change(body), last=body["last"])
