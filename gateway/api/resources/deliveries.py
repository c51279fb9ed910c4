"""`/deliveries`: events on their way to destinations; trying again and stopping, one or many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.api.declaring import Resource
from gateway.db.paging import Page, PageRequest
from gateway.delivery import retry, search
from gateway.delivery.query_schema import DeliveryQuerySchema, delivery_search
from gateway.delivery.schema import DeliveryDetailSchema, DeliverySchema
from gateway.delivery.search import DeliveryDetail, DeliverySummary
from gateway.tenants.acting import Acting
from gateway.tenants.api_keys.scopes import Scope

READ, WRITE = Scope.DELIVERIES_READ, Scope.DELIVERIES_WRITE
DEAD: Mapping[str, Any] = {
    "id": "dlv_06bk7e8v3s9p41pf7j0q5m2c8g",
    "event_id": "evt_06bk7e8v3s9p41pf7j0q5m2c8g",
    "destination": "app",
    "route_id": "rte_06bk7e8v3s9p41pf7j0q5m2c8g",
    "state": "dead",
    "reason": "exhausted",
    "detail": None,
    "ordering_key": None,
    "attempts_made": 11,
    "next_attempt_at": None,
    "created_at": "2026-11-27T12:00:00.000Z",
    "finished_at": "2026-11-28T16:00:00.000Z",
    "is_transformed": False,
}
ATTEMPT: Mapping[str, Any] = {
    "number": 11,
    "started_at": "2026-11-28T15:59:59.800Z",
    "duration_ms": 180,
    "outcome": "retryable",
    "status": 503,
    "error": None,
    "response_excerpt": "try later",
}
DUE: Mapping[str, Any] = {
    **DEAD,
    "state": "pending",
    "reason": None,
    "next_attempt_at": "2026-11-28T17:00:00.000Z",
    "finished_at": None,
}

resource = Resource("deliveries", "Events on their way to destinations, each with its attempts.")


@resource.list("/deliveries", scope=READ, query=DeliveryQuerySchema, answer=DeliverySchema, example=DEAD)
def list_deliveries(acting: Acting, query: Mapping[str, Any], page: PageRequest) -> Page[DeliverySummary]:
    """List deliveries, newest first."""
    return search.find_deliveries(acting, delivery_search(query), page)


@resource.get(
    "/deliveries/<delivery>",
    scope=READ,
    answer=DeliveryDetailSchema,
    example={**DEAD, "payload": None, "attempts": [ATTEMPT]},
)
def show_delivery(acting: Acting, delivery: str) -> DeliveryDetail:
    """Show a delivery with its attempts, first one first."""
    return search.show_delivery(acting, delivery)


@resource.post("/deliveries/<delivery>/retry", scope=WRITE, answer=DeliverySchema, example=DUE)
def retry_delivery(acting: Acting, delivery: str) -> DeliverySummary:
    """Try a delivery again now, from the beginning of its schedule.

    One that was delivered is delivered again. Many by a filter are a replay: `/replays`.
    """
    return retry.retry_delivery(acting, delivery)


@resource.post(
    "/deliveries/<delivery>/cancel",
    scope=WRITE,
    answer=DeliverySchema,
    example={**DEAD, "state": "cancelled", "reason": "cancelled"},
)
def cancel_delivery(acting: Acting, delivery: str) -> DeliverySummary:
    """Stop a delivery; a retry brings it back.

    An attempt that is on its way is not called back, but its result changes nothing any more.
    """
    return retry.cancel_delivery(acting, delivery)
