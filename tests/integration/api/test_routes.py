"""Routes through the API: their life, what is refused, and previews that show what the next events would become."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from tests.integration.api.conftest import ApiUnderTest, code, faults
from tests.services.rows import store_event

ROUTE = {"source": "github", "destination": "app"}
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONG = "x" * 1_000_000


def prepare(api: ApiUnderTest) -> None:
    api.add_source()
    api.add_source("other")
    for name in ("app", "log"):
        assert api.post("/destinations", {"name": name, "url": "https://app.example.com/"}).status_code == 201


def store(api: ApiUnderTest, minutes: int, body: object, *, type: str = "push", source: str = "github") -> str:
    at = NOW + timedelta(minutes=minutes)
    return store_event(api.database, at, source=source, type=type, body=json.dumps(body).encode())


def test_a_route_lives(api: ApiUnderTest) -> None:
    prepare(api)
    added = api.post("/routes", {**ROUTE, "event_types": ["push", "pull_request.*"], "where": "a", "name": "reviews"})
    assert added.status_code == 201, added.get_json()
    made = added.get_json()
    assert added.headers["Location"] == f"/api/v1/routes/{made['id']}"
    shown = api.get("/routes/reviews")
    assert shown.get_json() == made == api.get(f"/routes/{made['id']}").get_json()
    assert (made["event_types"], made["destination"], made["state"]) == (["push", "pull_request.*"], "app", "enabled")
    change = {"where": None, "transform": "{b: b}", "destination": "log", "event_types": [], "name": "all"}
    changed = api.ask("PATCH", "/routes/reviews", json=change, headers={"If-Match": shown.headers["ETag"]})
    assert changed.status_code == 200, changed.get_json()
    assert changed.get_json() == {**made, **change, "event_types": ["*"]}
    stale = api.ask("PATCH", "/routes/all", json={"where": "a"}, headers={"If-Match": shown.headers["ETag"]})
    assert code(stale) == (412, "precondition_failed")
    assert api.post("/routes", ROUTE).get_json()["name"] == "github-to-app"
    assert [row["name"] for row in api.get("/routes").get_json()["data"]] == ["all", "github-to-app"]
    assert code(api.ask("DELETE", "/destinations/log")) == (409, "conflict")
    assert code(api.ask("DELETE", "/routes/all", headers={"If-Match": shown.headers["ETag"]}))[0] == 412
    assert api.ask("DELETE", "/routes/all").status_code == 204
    assert code(api.get("/routes/all")) == (404, "not_found")


def test_a_route_may_be_called_as_an_operation_is(api: ApiUnderTest) -> None:
    prepare(api)
    made = api.post("/routes", {**ROUTE, "name": "preview"}).get_json()
    assert api.get("/routes/preview").get_json() == made
    assert api.post("/routes/preview/preview", {}).get_json()["source"] == "github"
    assert api.post("/routes/preview", {"source": "other"}).get_json()["source"] == "other"
    changed = api.ask("PATCH", "/routes/preview", json={"where": "a"}, headers={"If-Match": "*"})
    assert changed.get_json()["where"] == "a"
    assert api.ask("DELETE", "/routes/preview").status_code == 204


def test_a_change_that_changes_nothing_is_none(api: ApiUnderTest) -> None:
    prepare(api)
    api.post("/routes", {**ROUTE, "where": "a", "event_types": ["b", "a"]})
    before = len(api.get("/audit").get_json()["data"])
    for same in ({}, {"where": "a"}, {"event_types": ["a", "b"]}, {"name": "github-to-app", "transform": None}):
        answer = api.ask("PATCH", "/routes/github-to-app", json=same, headers={"If-Match": "*"})
        assert (answer.status_code, answer.get_json()["event_types"]) == (200, ["b", "a"]), same
    assert len(api.get("/audit").get_json()["data"]) == before
    api.ask("PATCH", "/routes/github-to-app", json={"where": None}, headers={"If-Match": "*"})
    assert len(api.get("/audit").get_json()["data"]) == before + 1


def test_what_is_refused_has_its_place(api: ApiUnderTest) -> None:
    prepare(api)
    api.post("/routes", ROUTE)
    for given, found in (
        ({"source": "nobody"}, {"/source": "unknown"}),
        ({"destination": "nobody"}, {"/destination": "unknown"}),
        ({"source": LONG}, {"/source": "unknown"}),
        ({"source": 1, "destination": {}}, {"/source": "malformed", "/destination": "malformed"}),
        ({"event_types": ["a b", ""]}, {"/event_types": "malformed"}),
        ({"event_types": [LONG]}, {"/event_types": "malformed"}),
        ({"event_types": "push"}, {"/event_types": "malformed"}),
        ({"event_types": ["push", 1]}, {"/event_types/1": "malformed"}),
        ({"event_types": [f"t{n}" for n in range(201)]}, {"/event_types": "too_long"}),
        ({"where": "a["}, {"/where": "malformed"}),
        ({"where": "lenght(a) > `1`"}, {"/where": "unknown"}),
        ({"where": "starts_with(`1`, 'a')"}, {"/where": "malformed"}),
        ({"where": "(" * 10_000}, {"/where": "malformed"}),
        ({"where": LONG, "transform": "["}, {"/where": "too_long", "/transform": "malformed"}),
        ({"where": {"a": 1}}, {"/where": "malformed"}),
        ({"transform": "a\x00"}, {"/transform": "malformed"}),
        ({"allow_null": "yes"}, {"/allow_null": "malformed"}),
        ({"name": "a b"}, {"/name": "malformed"}),
        ({"name": "rte_" + "0" * 26}, {"/name": "reserved"}),
        ({"types": ["push"], "to": "app"}, {"/types": "not_taken", "/to": "not_taken"}),
    ):
        refused = api.post("/routes", {**ROUTE, **given})
        assert (code(refused), faults(refused)) == ((422, "invalid_input"), found), str(given)[:80]
        assert len(refused.data) < 60_000, str(given)[:80]
        changed = api.ask("PATCH", "/routes/github-to-app", json=given, headers={"If-Match": "*"})
        assert (code(changed), faults(changed)) == ((422, "invalid_input"), found), str(given)[:80]
        if "name" not in given:
            assert faults(api.post("/routes/preview", {**ROUTE, **given})) == found, str(given)[:80]
            assert faults(api.post("/routes/github-to-app/preview", given)) == found, str(given)[:80]
    assert code(api.post("/routes", ROUTE)) == (409, "conflict")
    assert code(api.post("/routes", {**ROUTE, "where": "a", "name": "github-to-app"})) == (409, "conflict")
    assert faults(api.post("/routes", {})) == {"/source": "missing", "/destination": "missing"}
    repeated = b'{"source": "github", "source": "other", "destination": "app"}'
    refused = api.ask("POST", "/routes", data=repeated, content_type="application/json")
    assert faults(refused) == {"/source": "duplicate"}
    assert len(api.get("/routes").get_json()["data"]) == 1


def test_a_pattern_that_would_backtrack_does_not(api: ApiUnderTest) -> None:
    prepare(api)
    store(api, 0, {}, type="a" * 120)
    hostile = {**ROUTE, "event_types": [f"{'*a' * 120}b", "?*" * 120 + "b"]}
    preview = api.post("/routes/preview", hostile).get_json()
    assert [one["fate"] for one in preview["events"]] == ["other_type"]


def test_a_preview_says_what_becomes_of_each_event(api: ApiUnderTest) -> None:
    prepare(api)
    ids = [
        store(api, 0, {"total": 5, "b": 1}),
        store(api, 1, {"total": 1, "b": 2}),
        store(api, 2, {"total": 7}),
        store(api, 3, {"total": 9, "b": "x"}, type="ping"),
        store(api, 4, {"total": 9, "b": "x" * 20_000}),
        store(api, 5, {"total": 9, "b": 1}, source="other"),
        store(api, 6, {"total": 8, "b": {"c": [1]}}),
    ]
    draft = {"source": "github", "event_types": ["push"], "where": "total > `2`", "transform": "b"}
    preview = api.post("/routes/preview", draft)
    assert preview.status_code == 200, preview.get_json()
    found = [
        (one["event_id"], one["fate"], one["payload"], one["payload_bytes"]) for one in preview.get_json()["events"]
    ]
    assert found == [
        (ids[6], "sent", {"c": [1]}, 9),
        (ids[4], "sent", None, 20_002),
        (ids[3], "other_type", None, None),
        (ids[2], "null", None, 4),
        (ids[1], "turned_away", None, None),
        (ids[0], "sent", 1, 1),
    ]
    assert preview.get_json()["sent"] == 3
    # A stored route, as it is and as it would be; nothing of it is kept.
    api.post("/routes", {**draft, "destination": "app", "name": "big"})
    shown = api.get("/routes/big").get_json()
    assert api.post("/routes/big/preview").get_json() == preview.get_json()
    changed = api.post(f"/routes/{shown['id']}/preview", {"where": "sum(b) > `1`", "transform": None, "last": 2})
    assert [(one["fate"], one["payload_bytes"]) for one in changed.get_json()["events"]] == [("failed", None)] * 2
    assert "sum()" in changed.get_json()["events"][0]["detail"]
    raw = api.post("/routes/big/preview", {"where": None, "transform": None, "event_types": ["ping"]}).get_json()
    assert [one["fate"] for one in raw["events"] if one["fate"] != "other_type"] == ["sent"]
    assert api.get("/routes/big").get_json() == shown
    for last in (0, 101, 1.5, "2", None):
        refused = api.post("/routes/big/preview", {"last": last})
        assert refused.get_json()["errors"][0]["pointer"] == "/last", last
    assert code(api.post("/routes/nobody/preview")) == (404, "not_found")


def test_a_preview_shows_events_to_those_only_who_may_see_them(api: ApiUnderTest) -> None:
    prepare(api)
    api.post("/routes", ROUTE)
    routes_only, both = api.make_key("a", "routes:read"), api.make_key("b", "routes:read", "events:read")
    for path, body in (("/routes/preview", ROUTE), ("/routes/github-to-app/preview", {})):
        assert code(api.post(path, body, key=routes_only)) == (403, "scope_missing")
        assert api.post(path, body, key=both).status_code == 200
    for method, path in (("POST", "/routes"), ("PATCH", "/routes/github-to-app"), ("DELETE", "/routes/github-to-app")):
        assert code(api.ask(method, path, key=both)) == (403, "scope_missing")
