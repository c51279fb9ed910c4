"""Tenants through the API: only for operators; made, bounded, suspended, seen with what they use."""

from __future__ import annotations

from gateway.tenants.usage import TenantUsage
from tests.integration.api.conftest import ApiUnderTest, code, faults


def test_an_operator_sets_up_a_tenant(api: ApiUnderTest) -> None:
    operator = api.make_key("operator", "operator")
    made = api.post("/tenants", {"slug": "acme"}, key=operator)
    assert made.status_code == 201
    id_ = made.get_json()["id"]
    assert made.headers["Location"] == f"/api/v1/tenants/{id_}"
    shown = api.get("/tenants/acme", key=operator)
    assert shown.get_json() == api.get(f"/tenants/{id_}", key=operator).get_json()
    assert shown.get_json()["usage"] == {
        "sources": 0,
        "destinations": 0,
        "events": 0,
        "stored_bytes": 0,
        "is_full": False,
        "last_event_at": None,
    }
    # Its first key, and what it does with it: the usage changes, and nobody has changed the tenant.
    acme = {"Gateway-Tenant": "acme"}
    key = api.post("/api-keys", {"name": "first"}, key=operator, headers=acme).get_json()["key"]
    assert api.add_source(key=key).status_code == 201
    with api.database.system_session(write=True) as session:
        session.add(TenantUsage(tenant_id=id_, events=7, stored_bytes=700))
    change = {
        "limits": {"sources": 1, "api_requests_per_second": 2.5},
        "return_origins": ["https://App.example.com:443"],
    }
    version = {"If-Match": shown.headers["ETag"]}
    changed = api.ask("PATCH", "/tenants/acme", json=change, key=operator, headers=version)
    assert changed.status_code == 200
    document = changed.get_json()
    assert document["limits"]["sources"] == 1
    assert document["return_origins"] == ["https://app.example.com"]
    assert code(api.ask("PATCH", "/tenants/acme", json=change, key=operator, headers=version))[0] == 412
    assert code(api.ask("PATCH", "/tenants/acme", json=change, key=operator))[0] == 428
    again = api.ask(
        "PATCH",
        "/tenants/acme",
        json={"limits": {"sources": None}},
        key=operator,
        headers={"If-Match": changed.headers["ETag"]},
    )
    assert (again.get_json()["limits"]["sources"], again.get_json()["limits"]["api_requests_per_second"]) == (None, 2.5)
    seen = api.get("/tenants/acme", key=operator).get_json()
    assert (seen["usage"]["sources"], seen["usage"]["events"], seen["usage"]["stored_bytes"]) == (1, 7, 700)
    suspended = api.post("/tenants/acme/suspend", key=operator).get_json()
    assert (suspended["state"], suspended["suspended_at"]) == ("suspended", "2026-01-01T00:00:00.000Z")
    assert api.post("/tenants/acme/suspend", key=operator).get_json() == suspended
    assert api.post("/tenants/acme/resume", key=operator).get_json()["state"] == "active"
    assert [row["slug"] for row in api.get("/tenants", key=operator).get_json()["data"]] == ["acme", "default"]
    told = api.get("/audit?action=tenant.*", key=key).get_json()["data"]
    assert [row["action"] for row in told] == [
        "tenant.resumed",
        "tenant.suspended",
        "tenant.changed",
        "tenant.changed",
        "tenant.added",
    ]
    assert {row["actor_name"] for row in told} == {"operator"}


def test_what_is_refused(api: ApiUnderTest) -> None:
    operator = api.make_key("operator", "operator")
    # Who may do everything in one tenant sees nothing of tenants, not even of its own.
    for refused in (
        api.get("/tenants"),
        api.get("/tenants/default"),
        api.post("/tenants", {"slug": "acme"}),
        api.ask("PATCH", "/tenants/default", json={"limits": {"sources": None}}, headers={"If-Match": "*"}),
        api.post("/tenants/default/suspend"),
        api.post("/tenants/default/resume"),
        api.get("/audit/all"),
    ):
        assert code(refused) == (403, "scope_missing")
    assert code(api.get("/tenants/acme", key=operator)) == (404, "not_found")
    assert code(api.post("/tenants/acme/suspend", key=operator)) == (404, "not_found")
    for slug, fault in {"": "malformed", "A b": "malformed", "gateway": "reserved", "a" * 65: "malformed"}.items():
        assert faults(api.post("/tenants", {"slug": slug}, key=operator)) == {"/slug": fault}
    assert code(api.post("/tenants", {"slug": "default"}, key=operator)) == (409, "conflict")
    for change, found in (
        ({"limits": {"sources": -1}}, {"/limits/sources": "out_of_range"}),
        ({"limits": {"sources": 1.5}}, {"/limits/sources": "malformed"}),
        ({"limits": {"events_per_second": 0}}, {"/limits/events_per_second": "out_of_range"}),
        ({"limits": {"colours": 1}}, {"/limits/colours": "not_taken"}),
        ({"limits": None}, {"/limits": "malformed"}),
        ({"return_origins": ["http://example.com"]}, {"/return_origins/0": "malformed"}),
        ({"slug": "other"}, {"/slug": "not_taken"}),
    ):
        refused = api.ask("PATCH", "/tenants/default", json=change, key=operator, headers={"If-Match": "*"})
        assert (code(refused), faults(refused)) == ((422, "invalid_input"), found), change
