"""Events and deliveries through the API: found, read, delivered again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.destinations.management import add_destination
from gateway.delivery.models import DeliveryState
from gateway.tenants.acting import act, act_for_system
from gateway.tenants.management import create_tenant
from tests.integration.api.conftest import ApiUnderTest, code, faults
from tests.services.acting import TESTER
from tests.services.rows import store_event

BODY = b'{"order": "A-1042", "caf\xc3\xa9": true}'


@pytest.fixture
def destination(api: ApiUnderTest) -> str:
    """The id of the destination `app`."""
    with act(api.installation, actor=TESTER, write=True) as acting:
        return add_destination(acting, DestinationDraft("app", "http://127.0.0.1:9/")).destination.id


def test_an_event_is_found_by_what_is_known_of_it(api: ApiUnderTest, destination: str) -> None:
    now = api.installation.now()
    old = store_event(api.database, now - timedelta(days=2), source="stripe", type="charge.failed", body=b"old")
    new = store_event(api.database, now, body=BODY, states=[DeliveryState.DEAD], destination_id=destination)
    found = {
        "": [new, old],
        "?source=stripe": [old],
        "?type=charge.*": [old],
        "?status=dead": [new],
        "?status=unrouted": [old],
        "?since=2025-12-31T12:00:00Z": [new],
        "?until=2025-12-31T12:00:00%2B02:00": [old],
        "?q=1042 a": [new],
        "?q=Caf%C3%A9&source=github": [new],
        "?q=1042&source=stripe": [],
    }
    for query, ids in found.items():
        answer = api.get(f"/events{query}")
        assert [row["id"] for row in answer.get_json()["data"]] == ids, (query, answer.get_json())
    for query, fault in {
        "?status=lost": {"status": "malformed"},
        "?since=yesterday": {"since": "malformed"},
        "?since=2026-01-01": {"since": "malformed"},
        "?until=0001-01-01T00:00:00Z": {"until": "malformed"},
        "?until=9999-12-31T23:59:59Z": {"until": "malformed"},
        "?q=%20-": {"q": "malformed"},
        "?type=a[b": {"type": "malformed"},
        "?colour=red": {"colour": "not_taken"},
    }.items():
        answer = api.get(f"/events{query}")
        assert code(answer) == (422, "invalid_input"), query
        assert faults(answer) == fault


def test_an_event_shows_what_came_and_its_exact_bytes(api: ApiUnderTest, destination: str) -> None:
    event = store_event(
        api.database,
        api.installation.now(),
        body=BODY,
        states=[DeliveryState.DEAD],
        destination_id=destination,
        attempts=2,
    )
    shown = api.get(f"/events/{event}").get_json()
    assert (shown["status"], shown["body"]) == ("dead", BODY.decode())
    assert shown["deliveries"][0]["destination"] == "app"
    assert [one["number"] for one in shown["deliveries"][0]["attempts"]] == [1, 2]
    assert "very-secret-token" not in str(shown)
    body = api.get(f"/events/{event}/body")
    assert (body.data, body.content_type) == (BODY, "application/json")
    assert body.headers["Content-Disposition"] == "attachment"
    assert body.headers["Content-Security-Policy"].startswith("sandbox")
    assert body.headers["X-Content-Type-Options"] == "nosniff"
    for path in ("", "/body"):
        assert code(api.get(f"/events/evt_unknown{path}")) == (404, "not_found")


def test_an_event_is_delivered_again_where_it_went_and_where_it_never_went(api: ApiUnderTest, destination: str) -> None:
    now = api.installation.now()
    dead = store_event(api.database, now, states=[DeliveryState.DEAD], destination_id=destination)
    lost = store_event(api.database, now)
    again = api.post(f"/events/{dead}/replay", {}).get_json()
    assert (again["events"], again["replayed"]) == (1, 1)
    assert api.post(f"/events/{lost}/replay", {}).get_json()["unrouted"] == 1
    first = api.post(f"/events/{lost}/replay", {"destination": "app"}, headers={"Idempotency-Key": "a"}).get_json()
    assert first["created"] == 1
    repeated = api.post(f"/events/{lost}/replay", {"destination": "app"}, headers={"Idempotency-Key": "a"})
    assert (repeated.get_json(), repeated.headers["Idempotency-Replayed"]) == (first, "true")
    assert len(api.get(f"/deliveries?event={lost}").get_json()["data"]) == 1
    assert faults(api.post(f"/events/{lost}/replay", {"again": "never"})) == {"/again": "malformed"}
    assert code(api.post(f"/events/{lost}/replay", {"destination": "nowhere"})) == (404, "not_found")
    assert code(api.post("/events/evt_unknown/replay", {})) == (404, "not_found")
    reader = api.make_key("reader", "events:read")
    assert code(api.post(f"/events/{lost}/replay", {}, key=reader)) == (403, "scope_missing")


def test_a_delivery_is_tried_again_and_stopped(api: ApiUnderTest, destination: str) -> None:
    store_event(
        api.database, api.installation.now(), states=[DeliveryState.DEAD], destination_id=destination, attempts=1
    )
    [delivery] = api.get("/deliveries?state=dead&destination=app").get_json()["data"]
    path = f"/deliveries/{delivery['id']}"
    assert api.post(f"{path}/retry").get_json()["state"] == "pending"
    assert api.get("/deliveries?state=dead").get_json()["data"] == []
    assert api.post(f"{path}/cancel").get_json()["state"] == "cancelled"
    assert code(api.post(f"{path}/cancel")) == (409, "illegal_transition")
    assert len(api.get(path).get_json()["attempts"]) == 1
    assert code(api.get("/deliveries?destination=nowhere")) == (404, "not_found")
    assert faults(api.get("/deliveries?state=lost")) == {"state": "malformed"}
    assert code(api.post("/deliveries/dlv_unknown/retry")) == (404, "not_found")


def test_another_tenants_events_are_not_there(api: ApiUnderTest, destination: str) -> None:
    with act_for_system(api.installation, actor=TESTER, write=True) as acting:
        create_tenant(acting, "acme")
    event = store_event(
        api.database, api.installation.now(), body=BODY, states=[DeliveryState.DEAD], destination_id=destination
    )
    [delivery] = api.get("/deliveries").get_json()["data"]
    stranger = api.make_key("stranger", tenant="acme")
    for path in ("/events", "/events?q=1042", "/events?status=dead", "/deliveries", f"/deliveries?event={event}"):
        assert api.get(path, key=stranger).get_json() == {"data": [], "next_cursor": None}, path
    for method, path in (
        ("GET", f"/events/{event}"),
        ("GET", f"/events/{event}/body"),
        ("POST", f"/events/{event}/replay"),
        ("GET", f"/deliveries/{delivery['id']}"),
        ("POST", f"/deliveries/{delivery['id']}/retry"),
        ("POST", f"/deliveries/{delivery['id']}/cancel"),
    ):
        body = {"json": {}} if method == "POST" else {}
        assert code(api.ask(method, path, key=stranger, **body)) == (404, "not_found"), path


def test_events_are_forgotten(api: ApiUnderTest) -> None:
    now = api.installation.now()
    one, two = (store_event(api.database, now, body=b'{"customer": "ada@example.com"}') for _ in range(2))
    replayer = api.make_key("replayer", "events:read", "events:replay")
    assert api.post(f"/events/{one}/forget", key=replayer).status_code == 403
    assert api.post(f"/events/{one}/forget").get_json()["events"] == 1
    assert api.get(f"/events/{one}").status_code == 404
    assert api.post(f"/events/{one}/forget").status_code == 404
    asked = api.post("/events/forget", {"q": "ada@example.com", "where": "customer"}).get_json()
    assert (asked["kind"], asked["payload"]["text"]) == ("events.forget", "ada@example.com")
    assert api.post("/events/forget", {}).status_code == 422
    assert api.post("/events/forget", {"where": "=="}).status_code == 422
    assert [row["id"] for row in api.get("/events?where=customer").get_json()["data"]] == [two]
