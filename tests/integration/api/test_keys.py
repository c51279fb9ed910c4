"""API keys: what opens, what does not, who may give what away, and that everybody knows within a second."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta

from sqlalchemy import event

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.db.paging import PageRequest
from gateway.factory import create_app
from gateway.installation import Installation
from gateway.tenants.acting import act, act_for_system
from gateway.tenants.api_keys.token import read_token
from gateway.tenants.api_keys.verification import KeyVerifier
from gateway.tenants.audit_trail.search import AuditSearch, find_audit
from gateway.tenants.directory import require_tenant
from gateway.tenants.draft import TenantChange
from gateway.tenants.management import change_tenant
from tests.integration.api.conftest import ApiUnderTest, code
from tests.services.acting import TESTER, add_tenant
from tests.services.waiting import until


def test_what_opens_and_what_does_not(api: ApiUnderTest) -> None:
    assert api.get("/me").get_json()["key"]["name"] == "tester"
    assert code(api.app.test_client().get("/api/v1/me")) == (401, "key_missing")
    wrong = api.key[:-1] + ("0" if api.key[-1] != "0" else "1")
    for text in (wrong, api.key.upper(), api.key + "0", "gwk_", "nonsense", "gwk_" + "0" * 78):
        refused = api.get("/me", key=text)
        assert code(refused) == (401, "key_invalid")
        assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
        assert text not in refused.get_data(as_text=True)
    assert code(api.get("/me", headers={"Authorization": f"Basic {api.key}"})) == (401, "key_invalid")
    assert api.get("/me", headers={"Authorization": f"bearer {api.key}"}).status_code == 200


def test_a_key_ends(api: ApiUnderTest) -> None:
    short = api.make_key("short", expires_in=timedelta(hours=1))
    assert api.get("/me", key=short).get_json()["expires_at"] == "2026-01-01T01:00:00.000Z"
    api.clock.advance(3600)
    assert code(api.get("/me", key=short)) == (401, "key_expired")
    assert api.get("/api-keys/short").get_json()["state"] == "expired"


def test_a_key_does_what_its_scopes_say(api: ApiUnderTest) -> None:
    reader = api.make_key("reader", "sources:read")
    assert api.get("/sources", key=reader).status_code == 200
    refused = api.add_source(key=reader)
    assert code(refused) == (403, "scope_missing")
    assert 'scope="sources:write"' in refused.headers["WWW-Authenticate"]
    assert code(api.get("/api-keys", key=reader)) == (403, "scope_missing")
    assert api.get("/providers/github", key=reader).status_code == 200
    writer = api.make_key("writer", "sources:write")
    assert api.add_source(key=writer).status_code == 201
    assert code(api.get("/sources", key=writer)) == (403, "scope_missing")


def test_nobody_gives_away_more_than_they_have(api: ApiUnderTest) -> None:
    made = api.post("/api-keys", {"name": "ci", "scopes": ["sources:read"], "expires_in": "90d"})
    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "no-store"
    document = made.get_json()
    assert api.get("/me", key=document["key"]).get_json()["scopes"] == ["sources:read"]
    assert api.get(f"/api-keys/{document['id']}").get_json()["expires_at"] == "2026-04-01T00:00:00.000Z"
    assert "key" not in api.get("/api-keys/ci").get_json()
    refused = api.post("/api-keys", {"name": "root", "scopes": ["operator"]})
    assert (refused.status_code, refused.get_json()["errors"][0]["pointer"]) == (422, "/scopes/0")
    operator = api.make_key("operator", "operator")
    assert api.post("/api-keys", {"name": "root", "scopes": ["operator"]}, key=operator).status_code == 201
    assert code(api.post("/api-keys", {"name": "ci"})) == (409, "conflict")


def test_only_an_operator_acts_for_another_tenant(api: ApiUnderTest) -> None:
    add_tenant(api.database, api.clock, "acme")
    operator = api.make_key("operator", "operator")
    acme = {"Gateway-Tenant": "acme"}
    assert api.add_source(key=operator, headers=acme).get_json()["url"].endswith("/webhooks/acme/github")
    assert api.get("/sources", key=operator).get_json()["data"] == []
    made = api.post("/api-keys", {"name": "theirs"}, key=operator, headers=acme).get_json()["key"]
    assert [one["slug"] for one in api.get("/sources", key=made).get_json()["data"]] == ["github"]
    for tenant in ("acme", "nobody"):
        assert code(api.get("/sources", headers={"Gateway-Tenant": tenant})) == (403, "tenant_forbidden")
    assert code(api.get("/sources", key=operator, headers={"Gateway-Tenant": "nobody"})) == (403, "tenant_forbidden")
    refused = api.post("/api-keys", {"name": "up", "scopes": ["operator"]}, key=operator, headers=acme)
    assert refused.get_json()["errors"][0]["code"] == "not_allowed"


def test_a_revoked_key_opens_nothing_in_any_process(api: ApiUnderTest, settings: Settings) -> None:
    with ExitStack() as stack:
        other = stack.enter_context(Installation(settings, clock=FakeClock()))
        elsewhere = ApiUnderTest(create_app(other), other, api.clock)
        key = api.make_key("leaked")
        # Made after both had loaded their keys: it opens at once, in both.
        assert (api.get("/me", key=key).status_code, elsewhere.get("/me", key=key).status_code) == (200, 200)
        assert api.ask("DELETE", "/api-keys/leaked").status_code == 204
        until(lambda: elsewhere.get("/me", key=key).status_code == 401, "revoked in every process")
        until(lambda: api.get("/me", key=key).status_code == 401, "revoked in every process")
    assert code(api.get("/api-keys/leaked")) == (404, "not_found")
    assert [one["state"] for one in api.get("/api-keys").get_json()["data"]] == ["revoked", "live"]
    assert api.post("/api-keys", {"name": "leaked"}).status_code == 201


def test_showing_a_key_costs_no_look_into_the_database(api: ApiUnderTest) -> None:
    verifier = KeyVerifier(api.database, api.clock)
    good, wrong = read_token(api.key), read_token("gwk_" + "0" * 78)
    assert good is not None
    assert wrong is not None
    assert verifier.find(good) is not None
    assert verifier.find(wrong) is None
    verifier.close()
    statements: list[str] = []
    event.listen(api.database.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    for _ in range(3):
        assert verifier.find(good) is not None
        assert verifier.find(wrong) is None
    assert statements == []


def test_wrong_keys_of_one_address_are_refused_and_good_ones_are_not(api: ApiUnderTest) -> None:
    answers = [code(api.get("/me", key=f"gwk_{n:078}", address="192.0.2.1")) for n in range(25)]
    assert answers[:20] == [(401, "key_invalid")] * 20
    assert set(answers[20:]) == {(429, "rate_limited")}
    late = api.get("/me", key="gwk_" + "1" * 78, address="192.0.2.1")
    assert int(late.headers["Retry-After"]) in range(1, 4)
    assert api.get("/me", address="192.0.2.1").status_code == 200
    assert code(api.get("/me", key="gwk_" + "1" * 78, address="192.0.2.2")) == (401, "key_invalid")
    api.clock.advance(60)
    assert code(api.get("/me", key="gwk_" + "1" * 78, address="192.0.2.1")) == (401, "key_invalid")
    counted = api.installation.metrics.registry.get_sample_value
    assert counted("gateway_api_refused_total", {"code": "rate_limited"}) == 6
    assert counted("gateway_api_refused_total", {"code": "key_invalid"}) == 22


def test_when_a_key_was_used_is_written_once_a_minute(api: ApiUnderTest) -> None:
    def last_used(name: str) -> str | None:
        found: str | None = api.get(f"/api-keys/{name}").get_json()["last_used_at"]
        return found

    key = api.make_key("seldom")
    assert last_used("seldom") is None
    api.get("/me", key=key)
    until(lambda: last_used("seldom") == "2026-01-01T00:00:00.000Z", "the use written")
    api.clock.advance(59)
    api.get("/me", key=key)
    api.clock.advance(1)
    api.get("/me", key=key)
    until(lambda: last_used("seldom") != "2026-01-01T00:00:00.000Z", "the use written")
    assert last_used("seldom") == "2026-01-01T00:01:00.000Z"


def test_a_key_has_so_many_requests_a_minute(settings: Settings, api: ApiUnderTest) -> None:
    api.installation.settings = type(settings)(**{**_fields(settings), "api_requests_per_minute": 3})
    answers = [api.get("/me") for _ in range(4)]
    assert [answer.headers["RateLimit"] for answer in answers] == [f'"key";r={left};t=60' for left in (2, 1, 0, 0)]
    assert answers[0].headers["RateLimit-Policy"] == '"key";q=3;w=60'
    assert code(answers[3]) == (429, "rate_limited")
    assert answers[3].headers["Retry-After"] == "60"
    assert api.get("/me", key=api.make_key("another")).status_code == 200
    api.clock.advance(60)
    assert api.get("/me").status_code == 200


def test_the_keys_of_a_tenant_share_its_limit(api: ApiUnderTest) -> None:
    with act_for_system(api.installation, actor=TESTER, write=True) as acting:
        change_tenant(acting, "default", TenantChange(limits={"api_requests_per_second": 0.2}))
    other = api.make_key("other")
    assert api.get("/me").headers["RateLimit"] == '"key";r=5999;t=60, "tenant";r=1;t=10'
    shown = api.get("/me", key=other)
    assert shown.headers["RateLimit-Policy"] == '"key";q=6000;w=60, "tenant";q=2;w=10'
    assert shown.get_json()["tenant_limits"]["api_requests_per_second"] == 0.2
    refused = api.get("/me")
    assert code(refused) == (429, "rate_limited")
    assert refused.headers["Retry-After"] == "10"
    api.clock.advance(10)
    assert api.get("/me").status_code == 200


def test_a_tenant_that_is_erased_has_no_keys(api: ApiUnderTest) -> None:
    add_tenant(api.database, api.clock, "acme")
    key = api.make_key("theirs", tenant="acme")
    assert api.get("/me", key=key).status_code == 200
    with act_for_system(api.installation, actor=TESTER, write=True) as acting:
        require_tenant(acting.session, "acme").erasing_at = acting.now
    until(lambda: api.get("/me", key=key).status_code == 401, "no key of it opens")


def _fields(settings: Settings) -> dict[str, object]:
    return {name: getattr(settings, name) for name in type(settings).__slots__}


def test_the_audit_trail_names_the_key_and_where_it_came_from(api: ApiUnderTest) -> None:
    key = api.get("/api-keys/tester").get_json()["id"]
    added = api.add_source(address="192.0.2.7")
    with act(api.installation, actor=TESTER) as acting:
        entry = find_audit(acting, AuditSearch(), PageRequest()).rows[0]
    assert (entry.action, entry.object_name, entry.request_id) == (
        "source.added",
        "github",
        added.headers["X-Request-Id"],
    )
    assert (entry.actor_kind, entry.actor_name, entry.actor_id, entry.address) == (
        "api_key",
        "tester",
        key,
        "192.0.2.7",
    )
    assert added.get_json()["secret"] not in repr(entry)
