"""The audit trail through the API: a tenant's own changes, and all of them for who runs the gateway."""

from __future__ import annotations

from tests.integration.api.conftest import ApiUnderTest, code, faults


def test_who_changed_what(api: ApiUnderTest) -> None:
    operator = api.make_key("operator", "operator")
    api.post("/tenants", {"slug": "acme"}, key=operator)
    acme = api.post("/api-keys", {"name": "theirs"}, key=operator, headers={"Gateway-Tenant": "acme"}).get_json()["key"]
    api.add_source("theirs", key=acme)
    api.add_source("ours", address="192.0.2.9")
    api.clock.advance(3600)
    api.post("/sources/ours/disable")
    reader = api.make_key("reader", "audit:read")
    mine = api.get("/audit?object=ours", key=reader).get_json()["data"]
    assert [row["action"] for row in mine] == ["source.disabled", "source.added"]
    assert (mine[1]["actor_name"], mine[1]["actor_kind"], mine[1]["address"]) == ("tester", "api_key", "192.0.2.9")
    assert mine[0]["before"] != mine[0]["after"]
    shown = api.get(f"/audit/{mine[0]['id']}", key=reader)
    assert shown.get_json() == mine[0]
    for query, actions in {
        "actor=tester&action=source.*": ["source.disabled", "source.added"],
        "action=source.add*": ["source.added"],
        "action=source.disabled": ["source.disabled"],
        "action=source.*&since=2026-01-01T00:30:00%2B00:00": ["source.disabled"],
        "object=theirs": [],
    }.items():
        assert [row["action"] for row in api.get(f"/audit?{query}").get_json()["data"]] == actions, query
    page = api.get("/audit?action=source.*&limit=1").get_json()
    rest = api.get(f"/audit?action=source.*&limit=1&cursor={page['next_cursor']}").get_json()
    assert [row["action"] for row in page["data"] + rest["data"]] == ["source.disabled", "source.added"]
    for query, found in {"since=yesterday": "malformed", "until=2026-01-01": "malformed"}.items():
        assert faults(api.get(f"/audit?{query}")) == {query.partition("=")[0]: found}
    # What belongs to another tenant, and to all.
    theirs = api.get("/audit?object=theirs&action=source.added", key=acme).get_json()["data"][0]
    assert code(api.get(f"/audit/{theirs['id']}", key=reader)) == (404, "not_found")
    assert code(api.get("/audit", key=api.make_key("other", "events:read"))) == (403, "scope_missing")
    everything = api.get("/audit/all?action=source.*", key=operator).get_json()["data"]
    assert [(row["tenant"], row["object_name"]) for row in everything] == [
        ("default", "ours"),
        ("default", "ours"),
        ("acme", "theirs"),
    ]
