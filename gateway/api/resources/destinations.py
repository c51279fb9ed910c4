"""`/destinations`: where deliveries go, their signing secrets and their state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.api.declaring import Resource
from gateway.db.paging import Page, PageRequest
from gateway.delivery.destinations import management, search
from gateway.delivery.destinations.draft_schema import (
    DestinationChangeSchema,
    DestinationDraftSchema,
    DestinationPauseSchema,
    SigningSecretDraftSchema,
    destination_change,
    destination_draft,
)
from gateway.delivery.destinations.management import DEFAULT_OVERLAP, DestinationWithSecret
from gateway.delivery.destinations.schema import DestinationSchema, DestinationWithSecretSchema
from gateway.delivery.destinations.summary import DestinationSummary
from gateway.delivery.sending.schema import SentTrialSchema
from gateway.delivery.sending.trial_request import SentTrial, send_trial
from gateway.tenants.acting import Acting, Transactions
from gateway.tenants.api_keys.scopes import Scope

READ, WRITE = Scope.DESTINATIONS_READ, Scope.DESTINATIONS_WRITE
APP: Mapping[str, Any] = {
    "id": "dst_06bk7e8v3s9p41pf7j0q5m2c8g",
    "name": "app",
    "kind": "http",
    "url": "https://app.example.com/events",
    "handler": None,
    "timeout_seconds": None,
    "concurrency": None,
    "rate_per_second": None,
    "schedule_seconds": None,
    "ordering_key": None,
    "fatal_statuses": [],
    "header_names": ["Authorization"],
    "connection": None,
    "secret_ends": [None],
    "disabled_at": None,
    "disabled_reason": None,
    "circuit": "closed",
    "probe_at": None,
    "paused_until": None,
    "backlog": {"pending": 0, "leased": 0, "dead": 0},
    "created_at": "2026-11-27T12:00:00.000Z",
    "updated_at": "2026-11-27T12:00:00.000Z",
    "state": "enabled",
    "out_of_order": None,
}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 (an example)

resource = Resource("destinations", "Where deliveries go: HTTP endpoints, and the application's handlers.")


@resource.list("/destinations", scope=READ, answer=DestinationSchema, example=APP)
def list_destinations(acting: Acting, page: PageRequest) -> Page[DestinationSummary]:
    """List destinations, by name."""
    return search.find_destinations(acting, page)


@resource.post(
    "/destinations",
    scope=WRITE,
    body=DestinationDraftSchema,
    body_example={
        "name": "app",
        "url": "https://app.example.com/events",
        "headers": {"Authorization": "Bearer 2f1a9c"},
    },
    answer=DestinationWithSecretSchema,
    status=201,
    example={**APP, "secret": SECRET},
)
def add_destination(acting: Acting, body: Mapping[str, Any]) -> DestinationWithSecret:
    """Add a destination.

    `secret` is in this answer only: the endpoint verifies the Standard Webhooks signature of deliveries with it.
    """
    return management.add_destination(acting, destination_draft(body))


@resource.get("/destinations/<destination>", scope=READ, answer=DestinationSchema, example=APP)
def show_destination(acting: Acting, destination: str) -> DestinationSummary:
    """Show a destination."""
    return search.show_destination(acting, destination)


@resource.patch(
    "/destinations/<destination>",
    scope=WRITE,
    current=search.show_destination,
    body=DestinationChangeSchema,
    body_example={"timeout_seconds": 5, "schedule_seconds": [5, 30, 120], "headers": {"Authorization": None}},
    answer=DestinationSchema,
    example={**APP, "timeout_seconds": 5.0, "schedule_seconds": [5.0, 30.0, 120.0], "header_names": []},
)
def change_destination(acting: Acting, destination: str, body: Mapping[str, Any]) -> DestinationSummary:
    """Change a destination.

    What is not named stays as it is, also of the headers; null is the gateway's default, and takes a header away.
    """
    return management.change_destination(acting, destination, destination_change(body))


@resource.delete(
    "/destinations/<destination>", scope=WRITE, current=search.show_destination, current_as=DestinationSchema
)
def remove_destination(acting: Acting, destination: str) -> None:
    """Forget a destination.

    Refused while routes lead to it or deliveries wait for it.
    """
    management.remove_destination(acting, destination)


@resource.post(
    "/destinations/<destination>/rotate",
    scope=WRITE,
    body=SigningSecretDraftSchema,
    body_example={"overlap": "24h"},
    answer=DestinationWithSecretSchema,
    example={**APP, "secret_ends": ["2026-11-28T12:00:00.000Z", None], "secret": SECRET},
)
def rotate_destination_secret(acting: Acting, destination: str, body: Mapping[str, Any]) -> DestinationWithSecret:
    """Give a destination another signing secret.

    It signs at once, and the old ones for the overlap more.
    """
    overlap = body.get("overlap", DEFAULT_OVERLAP)
    return management.rotate_secret(acting, destination, overlap=overlap, secret=body.get("secret"))


@resource.post("/destinations/<destination>/enable", scope=WRITE, answer=DestinationSchema, example=APP)
def enable_destination(acting: Acting, destination: str) -> DestinationSummary:
    """Deliver again, at once.

    The circuit is closed, and a pause that the receiver asked for is forgotten.
    """
    return management.enable_destination(acting, destination)


@resource.post(
    "/destinations/<destination>/pause",
    scope=WRITE,
    body=DestinationPauseSchema,
    body_example={"for": "30m"},
    answer=DestinationSchema,
    example={**APP, "state": "paused", "paused_until": "2026-11-27T12:30:00.000Z"},
)
def pause_destination(acting: Acting, destination: str, body: Mapping[str, Any]) -> DestinationSummary:
    """Try nothing for a while.

    Deliveries wait and burn no attempts; then they go on by themselves, or as soon as it is enabled.
    """
    return management.pause_destination(acting, destination, pause=body["pause"])


@resource.post(
    "/destinations/<destination>/disable",
    scope=WRITE,
    answer=DestinationSchema,
    example={
        **APP,
        "disabled_at": "2026-11-27T12:05:00.000Z",
        "disabled_reason": "by_hand",
        "state": "disabled (by_hand)",
    },
)
def disable_destination(acting: Acting, destination: str) -> DestinationSummary:
    """Stop delivering; deliveries wait."""
    return management.disable_destination(acting, destination)


@resource.post(
    "/destinations/<destination>/test",
    scope=WRITE,
    opens=True,
    asks_others=True,
    answer=SentTrialSchema,
    example={
        "destination": "app",
        "webhook_id": "dlv_06bk7e8v3s9p41pf7j0q5m2c8g",
        "is_delivered": False,
        "outcome": "http_4xx",
        "status": 401,
        "error": None,
        "duration_ms": 84,
        "response_excerpt": "bad signature",
    },
)
def test_destination(begin: Transactions, destination: str) -> SentTrial:
    """Send a signed test request to a destination.

    As a delivery of an event `gateway.destination.test` is sent, once, also where the destination is disabled; neither
    is kept. It is waited for as long as the destination's timeout says, and at most 30 seconds.
    """
    return send_trial(begin, destination)
