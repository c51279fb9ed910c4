"""Destinations through the API: their life, their secrets, what is refused, and what no client may lose."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from threading import Barrier, Thread

import pytest
from standardwebhooks import Webhook

from gateway.delivery.destinations.secrets import open_headers
from gateway.delivery.models import CircuitState, Destination, DestinationKind, DestinationState
from gateway.tenants.acting import act
from tests.integration.api.conftest import ApiUnderTest, code, faults
from tests.integration.delivery.sinks import Received
from tests.services.acting import TESTER
from tests.services.sink_thread import sink_thread

APP = {"name": "app", "url": "https://app.example.com/events"}


def headers_of(api: ApiUnderTest, name: str) -> dict[str, str]:
    with act(api.installation, actor=TESTER) as acting:
        row = acting.session.query(Destination).filter_by(name=name).one()
        return dict(open_headers(api.installation.keyring, row))


def test_a_destination_lives(api: ApiUnderTest) -> None:
    added = api.post(
        "/destinations", {**APP, "timeout_seconds": 5, "headers": {"Authorization": "Bearer a", "X-A": "1"}}
    )
    assert added.status_code == 201, added.get_json()
    made = added.get_json()
    assert made["secret"].startswith("whsec_")
    assert added.headers["Location"] == f"/api/v1/destinations/{made['id']}"
    shown = api.get("/destinations/app")
    assert shown.get_json() == {name: value for name, value in made.items() if name != "secret"}
    assert api.get(f"/destinations/{made['id']}").get_json() == shown.get_json()
    assert "Bearer a" not in shown.get_data(as_text=True)
    change = {"timeout_seconds": None, "schedule_seconds": [1, 2], "headers": {"authorization": None, "x-a": "2"}}
    changed = api.ask("PATCH", "/destinations/app", json=change, headers={"If-Match": shown.headers["ETag"]})
    assert changed.status_code == 200, changed.get_json()
    document = changed.get_json()
    assert (document["timeout_seconds"], document["schedule_seconds"]) == (None, [1.0, 2.0])
    assert headers_of(api, "app") == {"x-a": "2"}
    assert api.get("/destinations/app").headers["ETag"] == changed.headers["ETag"] != shown.headers["ETag"]
    rotated = api.post("/destinations/app/rotate", {"overlap": "1h"}).get_json()
    assert rotated["secret"] != made["secret"]
    assert rotated["secret_ends"] == ["2026-01-01T01:00:00.000Z", None]
    assert api.post(f"/destinations/{made['id']}/disable").get_json()["state"] == "disabled (by_hand)"
    assert api.post("/destinations/app/enable").get_json()["state"] == "enabled"
    assert [row["name"] for row in api.get("/destinations").get_json()["data"]] == ["app"]
    assert api.ask("DELETE", "/destinations/app").status_code == 204
    assert code(api.get("/destinations/app")) == (404, "not_found")


def test_a_change_that_changes_nothing_is_none(api: ApiUnderTest) -> None:
    api.post("/destinations", {**APP, "headers": {"X-A": "1"}})
    shown = api.get("/destinations/app")
    same = {"url": APP["url"], "headers": {"X-A": "1", "X-B": None}, "fatal_statuses": [], "rate_per_second": None}
    api.clock.advance(60)
    changed = api.ask("PATCH", "/destinations/app", json=same, headers={"If-Match": shown.headers["ETag"]})
    assert (changed.status_code, changed.get_json()) == (200, shown.get_json())


def test_only_what_somebody_changed_is_another_version(api: ApiUnderTest) -> None:
    made = api.post("/destinations", APP).get_json()
    etag = api.get("/destinations/app").headers["ETag"]
    with api.database.system_session(write=True) as session:
        session.add(
            DestinationState(
                destination_id=made["id"],
                tenant_id=session.get_one(Destination, made["id"]).tenant_id,
                circuit=CircuitState.OPEN,
                failures_in_a_row=5,
                opened_count=1,
            )
        )
    now = api.get("/destinations/app", headers={"If-None-Match": etag})
    assert (now.status_code, now.get_json()["circuit"]) == (200, "open")
    assert now.headers["ETag"] != etag
    for stale in (f"W/{etag}", '"abc"', '"' + etag.strip('"').rpartition(".")[2] + '"'):
        refused = api.ask("PATCH", "/destinations/app", json={"concurrency": 2}, headers={"If-Match": stale})
        assert code(refused) == (412, "precondition_failed"), stale
    changed = api.ask("PATCH", "/destinations/app", json={"concurrency": 2}, headers={"If-Match": etag})
    assert changed.status_code == 200
    for method, path in (("PATCH", "/destinations/app"), ("DELETE", "/destinations/app")):
        refused = api.ask(method, path, json={} if method == "PATCH" else None, headers={"If-Match": etag})
        assert code(refused) == (412, "precondition_failed"), method
    assert api.ask("DELETE", "/destinations/app", headers={"If-Match": changed.headers["ETag"]}).status_code == 204


def test_what_is_refused_has_its_place(api: ApiUnderTest) -> None:
    api.installation.settings = replace(api.installation.settings, allow_private_destinations=False)
    long = "x" * 1_000_000
    for url, found in {
        "https://user:password@example.com/": "address_forbidden",
        "http://127.0.0.1/": "address_forbidden",
        "http://[::1]:9000/": "address_forbidden",
        "http://0x7f.1/": "address_forbidden",
        "http://169.254.169.254/latest": "address_forbidden",
        "ftp://example.com/": "address_forbidden",
        "example.com": "address_forbidden",
        "https://exa mple.com/": "address_forbidden",
        "https://example.com/\r\nX: y": "address_forbidden",
        "": "address_forbidden",
        f"https://example.com/{long}": "too_long",
        "https://example.com/\x00": "malformed",
    }.items():
        refused = api.post("/destinations", {"name": "app", "url": url})
        assert code(refused) == (422, "invalid_input"), url[:100]
        assert faults(refused) == {"/url": found}, url[:100]
        assert "password" not in refused.get_data(as_text=True)
        assert len(refused.data) < 10_000
    for field, given, pointer, found in (
        ("name", "a:b", "/name", "malformed"),
        ("name", long, "/name", "malformed"),
        ("name", 7, "/name", "malformed"),
        ("url", [], "/url", "malformed"),
        ("ordering_key", "items[", "/ordering_key", "malformed"),
        ("ordering_key", "lenght(@)", "/ordering_key", "unknown"),
        ("ordering_key", long, "/ordering_key", "too_long"),
        ("ordering_key", "[" * 10_000, "/ordering_key", "malformed"),
        ("timeout_seconds", 0, "/timeout_seconds", "out_of_range"),
        ("timeout_seconds", "soon", "/timeout_seconds", "malformed"),
        ("timeout_seconds", True, "/timeout_seconds", "malformed"),
        ("timeout_seconds", 10**400, "/timeout_seconds", "malformed"),
        ("concurrency", 1.5, "/concurrency", "malformed"),
        ("concurrency", 10**30, "/concurrency", "out_of_range"),
        ("rate_per_second", -1, "/rate_per_second", "out_of_range"),
        ("schedule_seconds", [1, "x"], "/schedule_seconds/1", "malformed"),
        ("schedule_seconds", [-1], "/schedule_seconds", "out_of_range"),
        ("schedule_seconds", [1] * 101, "/schedule_seconds", "too_long"),
        ("headers", {"Host": "a"}, "/headers", "reserved"),
        ("headers", {"webhook-id": "a"}, "/headers", "reserved"),
        ("headers", {"X-A": "s3cret\n"}, "/headers", "malformed"),
        ("headers", {"X-A": None}, "/headers/X-A", "malformed"),
        ("headers", {"X-A": "1", "x-a": "2"}, "/headers", "duplicate"),
        ("headers", {f"X-{n}": "a" for n in range(101)}, "/headers", "too_long"),
        ("headers", ["X-A"], "/headers", "malformed"),
        ("fatal_statuses", [200], "/fatal_statuses", "out_of_range"),
        ("fatal_statuses", list(range(50_000)), "/fatal_statuses", "out_of_range"),
        ("enabled", "perhaps", "/enabled", "malformed"),
        ("handler", "os:system", "/handler", "not_taken"),
        ("kind", "handler", "/kind", "not_taken"),
    ):
        refused = api.post("/destinations", {**APP, field: given})
        assert code(refused) == (422, "invalid_input"), (field, str(given)[:50])
        assert faults(refused) == {pointer: found}, (field, str(given)[:50])
        assert "s3cret" not in refused.get_data(as_text=True)
        assert len(refused.data) < 60_000, field
    assert api.get("/destinations").get_json()["data"] == []
    repeated = b'{"name": "app", "url": "https://a.example.com", "headers": {"A": "1", "A": "2"}}'
    refused = api.ask("POST", "/destinations", data=repeated, content_type="application/json")
    assert faults(refused) == {"/headers/A": "duplicate"}
    deep = {"name": "app", "url": "https://a.example.com", "headers": json.loads('{"a":' * 40 + "1" + "}" * 40)}
    assert code(api.post("/destinations", deep)) == (422, "invalid_input")


def test_a_change_is_judged_like_a_new_one(api: ApiUnderTest) -> None:
    api.post("/destinations", {**APP, "headers": {"X-A": "1"}})
    shown = api.get("/destinations/app")
    for given, found in (
        ({"url": "ftp://example.com"}, {"/url": "address_forbidden"}),
        ({"url": None}, {"/url": "malformed"}),
        ({"headers": {"Host": "a"}}, {"/headers": "reserved"}),
        ({"name": "other"}, {"/name": "not_taken"}),
        ({"enabled": False}, {"/enabled": "not_taken"}),
        (
            {"timeout_seconds": 301, "ordering_key": "a["},
            {"/timeout_seconds": "out_of_range", "/ordering_key": "malformed"},
        ),
    ):
        refused = api.ask("PATCH", "/destinations/app", json=given, headers={"If-Match": "*"})
        assert code(refused) == (422, "invalid_input"), given
        assert faults(refused) == found
    assert api.get("/destinations/app").get_json() == shown.get_json()
    for overlap in ("-1h", "soon", 5, None):
        assert faults(api.post("/destinations/app/rotate", {"overlap": overlap})) == {"/overlap": "malformed"}
    assert faults(api.post("/destinations/app/rotate", {"secret": "mine"})) == {"/secret": "malformed"}
    assert faults(api.post("/destinations/app/rotate", {"key": "mine"})) == {"/key": "not_taken"}


def test_a_handler_is_switched_and_no_more(api: ApiUnderTest) -> None:
    with act(api.installation, actor=TESTER, write=True) as acting:
        now = acting.now
        acting.session.add(
            Destination(
                id="dst_1",
                tenant_id=acting.session.tenant_id,
                name="shop:bill",
                kind=DestinationKind.HANDLER,
                handler="shop:bill",
                fatal_statuses=[],
                created_at=now,
                updated_at=now,
            )
        )
    assert api.post("/destinations/shop:bill/disable").get_json()["state"] == "disabled (by_hand)"
    refused = api.ask("PATCH", "/destinations/dst_1", json={"url": APP["url"]}, headers={"If-Match": "*"})
    assert refused.get_json()["errors"][0]["parameter"] == "destination"
    assert code(api.post("/destinations/shop:bill/rotate", {})) == (422, "invalid_input")


def test_who_may_only_see_changes_nothing(api: ApiUnderTest) -> None:
    api.post("/destinations", APP)
    reader = api.make_key("reader", "destinations:read")
    assert api.get("/destinations/app", key=reader).status_code == 200
    for method, path in (
        ("POST", "/destinations"),
        ("PATCH", "/destinations/app"),
        ("DELETE", "/destinations/app"),
        ("POST", "/destinations/app/rotate"),
        ("POST", "/destinations/app/enable"),
        ("POST", "/destinations/app/disable"),
    ):
        assert code(api.ask(method, path, key=reader)) == (403, "scope_missing"), path


def test_a_destination_that_leads_back_is_refused_wherever_it_is_given(api: ApiUnderTest) -> None:
    api.installation.settings = replace(
        api.installation.settings, base_url="https://hooks.example.com", listen=("127.0.0.1", 8000)
    )
    api.post("/destinations", APP)
    for url in ("https://hooks.example.com/webhooks/github", "http://localhost:8000/webhooks/github"):
        assert faults(api.post("/destinations", {"name": "loop", "url": url})) == {"/url": "loop"}
        changed = api.ask("PATCH", "/destinations/app", json={"url": url}, headers={"If-Match": "*"})
        assert (code(changed), faults(changed)) == ((422, "invalid_input"), {"/url": "loop"})
        for name in ("app", "loop"):
            for query in ("", "?plan=true"):
                applied = api.ask("PUT", f"/manifest{query}", json={"destinations": [{"name": name, "url": url}]})
                assert faults(applied) == {"/destinations/0/url": "loop"}
    assert [row["url"] for row in api.get("/destinations").get_json()["data"]] == [APP["url"]]


def test_a_test_request_tells_what_the_receiver_answers(api: ApiUnderTest) -> None:
    with sink_thread() as sink:
        token = {"headers": {"X-Token": "s3cret-token"}}
        made = api.post("/destinations", {"name": "app", "url": sink.url(), **token})
        sent = api.post("/destinations/app/test").get_json()
        assert (sent["is_delivered"], sent["outcome"], sent["status"]) == (True, "delivered", 200)
        [request] = sink.at()
        assert request.header("webhook-id") == sent["webhook_id"]
        assert request.header("x-token") == "s3cret-token"
        document = json.loads(request.body)
        assert (document["type"], document["data"]["destination"]) == ("gateway.destination.test", "app")
        verify(made.get_json()["secret"], request)
        rotated = api.post("/destinations/app/rotate", {"overlap": "1h"}).get_json()
        api.post("/destinations/app/disable")
        assert api.post("/destinations/app/test").get_json()["is_delivered"]
        for secret in (made.get_json()["secret"], rotated["secret"]):
            verify(secret, sink.at()[1])
        for path, outcome, status, excerpt in (
            ("/echo", "http_4xx", 401, "not [redacted]"),
            ("/redirect", "redirect", 302, None),
            ("/slow", "timeout", None, None),
        ):
            given = {"name": path[1:], "url": sink.url(path), "timeout_seconds": 0.3, **token}
            assert api.post("/destinations", given).status_code == 201
            sent = api.post(f"/destinations{path}/test").get_json()
            assert (sent["outcome"], sent["status"], sent["response_excerpt"]) == (outcome, status, excerpt)
            assert not sent["is_delivered"]
        # It leaves nothing behind, and passes no guard.
        shown = api.get("/destinations/slow").get_json()
        assert (shown["backlog"], shown["circuit"]) == ({"pending": 0, "leased": 0, "dead": 0}, "closed")
        assert faults(api.post("/destinations/app/test", {"url": sink.url()})) == {"/url": "not_taken"}
        api.installation.settings = replace(api.installation.settings, allow_private_destinations=False)
        assert api.post("/destinations/app/test").get_json()["outcome"] == "address_forbidden"
        assert len(sink.at()) == 2
    assert code(api.post("/destinations/nobody/test")) == (404, "not_found")


def verify(secret: str, request: Received) -> None:
    """By the vendor's library, which knows the real time only."""
    made_at = datetime.fromtimestamp(int(request.header("webhook-timestamp") or ""), UTC)
    signature = Webhook(secret).sign(request.header("webhook-id") or "", made_at, request.body.decode())
    assert signature in (request.header("webhook-signature") or "").split()


@pytest.mark.parametrize(
    ("path", "field", "values"),
    [
        ("/destinations/app", "concurrency", (1, 2, 3, 4)),
        ("/routes/github-to-app", "where", ("a", "b", "c", "d")),
    ],
)
def test_of_two_updates_of_one_version_one_wins(
    api: ApiUnderTest, path: str, field: str, values: tuple[object, ...]
) -> None:
    api.add_source()
    api.post("/destinations", APP)
    api.post("/routes", {"source": "github", "destination": "app"})
    etag = api.get(path).headers["ETag"]
    ready, answers = Barrier(len(values)), {}

    def change(value: object) -> None:
        ready.wait()
        answers[value] = api.ask("PATCH", path, json={field: value}, headers={"If-Match": etag}).status_code

    threads = [Thread(target=change, args=(value,)) for value in values]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers.values()) == [200, 412, 412, 412]
    [won] = [value for value, status in answers.items() if status == 200]
    assert api.get(path).get_json()[field] == won
