"""Calls to a provider through the API, with a connection's token."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import select
from werkzeug.test import Client

from gateway.clients.errors import DeadlineExceeded
from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.factory import create_app
from gateway.oauth.calling.connected import connected
from gateway.oauth.connections.store import change_state
from gateway.oauth.models import Connection
from gateway.oauth.protocol.places import places_of
from gateway.oauth.proxy.forwarding import Forwarder, Passing, forward
from gateway.oauth.states import ConnectionState
from gateway.tenants.acting import act
from gateway.tenants.idempotency.models import IdempotentRequest
from tests.integration.api.conftest import ApiUnderTest, code, faults
from tests.services.acting import TESTER, add_tenant
from tests.services.connecting import KEYED, TWO_SECRETS, connect, installation_for
from tests.services.loop_host import LoopHost
from tests.services.oauth_provider import OAuthProvider

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
UPSTREAM = "Gateway-Upstream-Status"


@pytest.fixture
def provider(oauth_server: OAuthProvider, fake_clock: FakeClock) -> OAuthProvider:
    oauth_server.reset(fake_clock)
    return oauth_server


@pytest.fixture
def api(settings: Settings, fake_clock: FakeClock, provider: OAuthProvider, tmp_path: Path) -> Iterator[ApiUnderTest]:
    with installation_for(settings, provider, tmp_path / "entries", fake_clock) as installation:
        made = ApiUnderTest(create_app(installation), installation, fake_clock)
        made.key = made.make_key("all")
        yield made


@pytest.fixture
def proxy(api: ApiUnderTest, provider: OAuthProvider) -> str:
    return f"/connections/{connect(api.installation, provider)}/proxy"


def test_method_path_query_and_body_go_on(api: ApiUnderTest, provider: OAuthProvider, proxy: str) -> None:
    headers = {
        "Content-Type": "text/plain",
        "Accept": "application/json",
        "Cookie": "session=1",
        "X-Forwarded-For": "10.0.0.1",
        "Connection": "X-Private",
        "X-Private": "1",
        "Idempotency-Key": "mine",
    }
    query = "q=a%20b&q=c+d&page=1"
    answer = api.ask("PATCH", f"{proxy}/echo/a%2Fb?{query}", data=b"\x00\xff body", headers=headers)
    assert (answer.status_code, answer.headers[UPSTREAM]) == (200, "200")
    [heard] = provider.heard
    assert (heard.method, heard.path, heard.body) == ("PATCH", "/api/echo/a%2Fb", b"\x00\xff body")
    assert heard.query == {"q": "c d", "page": "1"}
    assert heard.headers["authorization"].startswith("Bearer at-user-1")
    assert (heard.headers["content-type"], heard.headers["idempotency-key"]) == ("text/plain", "mine")
    assert not {"cookie", "x-forwarded-for", "x-private"} & heard.headers.keys()
    assert "gwk_" not in str(heard.headers)
    assert "RateLimit" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"])
def test_every_method(api: ApiUnderTest, provider: OAuthProvider, proxy: str, method: str) -> None:
    answer = api.ask(method, f"{proxy}/echo")
    assert (answer.status_code, provider.heard[0].method) == (200, method)
    assert (answer.data == b"") is (method == "HEAD")


@pytest.mark.parametrize("status", [301, 400, 403, 404, 422, 429, 500, 503])
def test_what_the_provider_says_is_given_as_it_is(
    api: ApiUnderTest, provider: OAuthProvider, proxy: str, status: int
) -> None:
    said = {"Retry-After": "7", "X-RateLimit-Remaining": "0", "Set-Cookie": "a=b", "ETag": '"1"'}
    provider.answer_next("/api/echo", status, {"message": "theirs"}, {**said, "Content-Type": "application/vnd.x+json"})
    answer = api.get(f"{proxy}/echo")
    assert (answer.status_code, answer.headers[UPSTREAM]) == (status, str(status))
    assert answer.get_json(force=True) == {"message": "theirs"}
    assert (answer.content_type, answer.headers["Retry-After"]) == ("application/vnd.x+json", "7")
    assert (answer.headers["ETag"], answer.headers["X-RateLimit-Remaining"]) == ('"1"', "0")
    assert "Set-Cookie" not in answer.headers
    assert len(provider.heard) == 1


def test_the_providers_limit_holds_for_the_connection(
    api: ApiUnderTest, provider: OAuthProvider, proxy: str, fake_clock: FakeClock
) -> None:
    provider.answer_next("/api/echo", 429, {}, {"Retry-After": "30"})
    assert api.get(f"{proxy}/echo").headers["Retry-After"] == "30"
    held = api.get(f"{proxy}/echo")
    assert code(held) == (429, "system_rate_limited")
    assert (held.headers["Retry-After"], UPSTREAM in held.headers, len(provider.heard)) == ("30", False, 1)
    other = connect(api.installation, provider, subject="user-2")
    assert api.get(f"/connections/{other}/proxy/echo").status_code == 200
    fake_clock.advance(31)
    assert api.get(f"{proxy}/echo").status_code == 200


def test_no_answer_is_a_problem_of_the_gateways(api: ApiUnderTest, provider: OAuthProvider, proxy: str) -> None:
    provider.lose_answers("/api/echo", times=1)
    assert api.get(f"{proxy}/echo").status_code == 200
    assert len(provider.heard) == 2
    provider.lose_answers("/api/echo", times=2)
    lost = api.post(f"{proxy}/echo")
    assert (code(lost), UPSTREAM in lost.headers) == ((502, "connection_failed"), False)
    assert len(provider.heard) == 3
    provider.lose_answers("/api/echo", times=20)
    opened = [code(api.get(f"{proxy}/echo")) for _ in range(6)][-1]
    assert opened == (503, "circuit_open")
    assert "at-user-1" not in lost.get_data(as_text=True)


def test_bytes_come_as_they_are(api: ApiUnderTest, provider: OAuthProvider, proxy: str) -> None:
    packed = gzip.compress(b"x" * 300_000)
    provider.answer_next("/api/echo", 200, packed, {"Content-Encoding": "gzip", "Content-Type": "text/plain"})
    answer = api.get(f"{proxy}/echo", headers={"Accept-Encoding": "gzip"})
    assert (answer.headers["Content-Encoding"], answer.data) == ("gzip", packed)
    large = b"y" * 3_000_000
    provider.answer_next("/api/echo", 200, large, {"Content-Type": "text/html"})
    answer = api.get(f"{proxy}/echo")
    assert (len(answer.data), answer.headers["Content-Length"]) == (3_000_000, "3000000")
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


def test_an_answer_that_is_too_large_is_not_begun(api: ApiUnderTest, provider: OAuthProvider, proxy: str) -> None:
    provider.answer_next("/api/echo", 200, b"", {"Content-Length": str(10**9)})
    assert code(api.get(f"{proxy}/echo")) == (502, "response_too_large")


@pytest.mark.parametrize(
    "path", ["/../userinfo", "/%2e%2e/userinfo", "/a/..%2f..%2fuserinfo", "/a//b", "/a%00b", "/..;/userinfo"]
)
def test_no_path_leads_elsewhere(api: ApiUnderTest, provider: OAuthProvider, proxy: str, path: str) -> None:
    answer = api.get(proxy + path)
    assert code(answer)[0] in (404, 422)
    assert provider.heard == []


def test_redirects_are_followed_at_the_providers_own_only(
    api: ApiUnderTest, provider: OAuthProvider, proxy: str
) -> None:
    provider.answer_next("/api/old", 302, b"", {"Location": "/api/echo/new"})
    assert api.get(f"{proxy}/old").get_json()["path"] == "/api/echo/new"
    elsewhere = "http://evil.example.com/api/echo"
    provider.answer_next("/api/old", 302, b"", {"Location": elsewhere})
    answer = api.get(f"{proxy}/old")
    assert (answer.status_code, answer.headers["Location"]) == (302, elsewhere)
    provider.answer_next("/api/old", 307, b"", {"Location": "/api/echo/new"})
    assert api.post(f"{proxy}/old").status_code == 307


def test_only_who_may_calls_and_only_their_own(
    api: ApiUnderTest, provider: OAuthProvider, proxy: str, fake_clock: FakeClock
) -> None:
    narrow = api.make_key("narrow", "connections:read", "connections:write")
    assert code(api.get(f"{proxy}/echo", key=narrow)) == (403, "scope_missing")
    wide = api.make_key("wide", "connections:call")
    assert api.get(f"{proxy}/echo", key=wide).status_code == 200
    add_tenant(api.database, fake_clock, "rival")
    rival = api.make_key("rival", tenant="rival")
    before = len(provider.heard)
    assert code(api.get(f"{proxy}/echo", key=rival)) == (404, "not_found")
    assert code(api.get("/connections/conn_unknown/proxy/echo")) == (404, "not_found")
    assert len(provider.heard) == before


def test_one_that_was_revoked_is_seen_to_be(
    api: ApiUnderTest, provider: OAuthProvider, proxy: str, fake_clock: FakeClock
) -> None:
    assert api.get(f"{proxy}/echo").status_code == 200
    with act(api.installation, actor=TESTER, write=True) as acting:
        row = acting.session.get_one(Connection, proxy.split("/")[2])
        change_state(
            acting.session,
            api.installation,
            row,
            ConnectionState.REVOKED,
            reason="by_hand",
            detail=None,
            now=acting.now,
        )
    fake_clock.advance(6)
    answer = api.get(f"{proxy}/echo")
    assert code(answer) == (409, "connection_revoked")
    assert len(provider.heard) == 1


def test_a_silent_provider_is_not_waited_for_without_end(
    api: ApiUnderTest, provider: OAuthProvider, proxy: str
) -> None:
    forwarder = Forwarder(api.installation, call_seconds=0.2)
    connection = connected(api.installation, "ten_default", proxy.split("/")[2])
    with provider.held("/api/echo"), pytest.raises(DeadlineExceeded):
        forwarder.forward(connection, Passing("POST", "echo", "", (), BytesIO()))
    forwarder.close()


def test_silent_providers_leave_threads_for_others(api: ApiUnderTest, provider: OAuthProvider, proxy: str) -> None:
    places = api.installation.settings.web_threads * 3 // 4
    with provider.held("/api/echo") as held, ThreadPoolExecutor(places) as threads:
        waiting = [threads.submit(api.get, f"{proxy}/echo") for _ in range(places)]
        provider.await_requests(places, "/api/echo")
        busy = api.get(f"{proxy}/echo")
        held.release()
        assert (code(busy), busy.headers["Retry-After"]) == ((503, "providers_busy"), "1")
        for one in waiting:
            with one.result() as answer:
                assert answer.status_code == 200
    assert api.get(f"{proxy}/echo").status_code == 200


def test_so_do_answers_that_are_not_at_their_end(api: ApiUnderTest, provider: OAuthProvider, proxy: str) -> None:
    connection_id = proxy.split("/")[2]
    places = api.installation.settings.web_threads * 3 // 4
    with act(api.installation, actor=TESTER) as acting:
        tenant_id = acting.tenant.id
    passing = Passing("GET", "echo", "", (), BytesIO())
    answers = [forward(api.installation, tenant_id, connection_id, passing) for _ in range(places)]
    assert code(api.get(f"{proxy}/echo")) == (503, "providers_busy")
    for answer in answers:
        answer.close()
        answer.close()
    assert api.get(f"{proxy}/echo").status_code == 200


def test_so_do_tests_and_refreshes(api: ApiUnderTest, provider: OAuthProvider, proxy: str) -> None:
    connection = proxy.removesuffix("/proxy")
    places = places_of(api.installation)
    with ExitStack() as held:
        for _ in range(places.count):
            held.enter_context(places.taken())
        for path in (f"{connection}/test", f"{connection}/refresh"):
            assert code(api.post(path)) == (503, "providers_busy")
        assert code(api.post("/connections", {"provider": KEYED, "key": "some-key"})) == (503, "providers_busy")
        assert provider.heard == []
        # What is at hand waits for nobody.
        assert api.post(f"{connection}/token", key=api.make_key("wide", "connections:token")).status_code == 200
    assert api.post(f"{connection}/test").status_code == 200


def test_a_key_is_called_with_as_well(api: ApiUnderTest, provider: OAuthProvider) -> None:
    draft = {"provider": KEYED, "key": "some-key", "test": False}
    connection = api.post("/connections", draft).get_json()["id"]
    provider.answer_next("/api/echo", 200, {"fine": True})
    answer = api.get(f"/connections/{connection}/proxy/echo")
    assert answer.get_json(force=True) == {"fine": True}
    [heard] = provider.heard
    assert (heard.headers["authorization"], heard.headers["x-shop"]) == ("Bearer some-key", "main")


def test_further_secrets_of_an_entry_go_along(api: ApiUnderTest, provider: OAuthProvider) -> None:
    draft: dict[str, object] = {"provider": TWO_SECRETS, "key": "some-key", "secrets": {"app_key": "a-key"}}
    lacking = api.post("/connections", draft)
    assert faults(lacking) == {"/secrets/account_key": "missing"}
    draft["secrets"] = {"app_key": "a-key", "account_key": "an-account", "other": "x"}
    assert faults(api.post("/connections", draft)) == {"/secrets/other": "not_taken"}
    draft["secrets"] = {"app_key": "a-key", "account_key": "an-account"}
    provider.answer_next("/api/me", 200, {"data": []})
    made = api.post("/connections", draft)
    assert (made.status_code, "a-key" in made.text, "an-account" in made.text) == (201, False, False)
    provider.answer_next("/api/echo", 200, {"fine": True})
    assert api.get(f"/connections/{made.get_json()['id']}/proxy/echo?page=2").status_code == 200
    tried, heard = provider.heard
    for one in (tried, heard):
        assert (one.headers["authorization"], one.headers["x-app-key"]) == ("Bearer some-key", "a-key")
        assert one.query["account"] == "an-account"
    assert heard.query["page"] == "2"


def test_the_front_gives_the_same(api: ApiUnderTest, provider: OAuthProvider, proxy: str) -> None:
    host = LoopHost(api.app)
    try:
        headers = {"Authorization": f"Bearer {api.key}"}
        answer = Client(host).get(f"/api/v1{proxy}/echo/a%2Fb?q=1", headers=headers)
    finally:
        host.close()
    assert answer.status_code == 200
    assert json.loads(answer.data)["path"] == "/api/echo/a%2Fb"


def test_a_token_that_ended_is_renewed_before_and_one_that_is_refused_after(
    api: ApiUnderTest, provider: OAuthProvider, proxy: str, fake_clock: FakeClock
) -> None:
    fake_clock.advance(3700)
    assert api.get(f"{proxy}/echo").status_code == 200
    assert len(provider.granted("refresh_token")) == 1
    fake_clock.advance(301)
    provider.answer_next("/api/echo", 401)
    answer = api.post(f"{proxy}/echo", {"a": 1})
    assert (answer.status_code, json.loads(answer.get_json()["body"])) == (200, {"a": 1})
    assert len(provider.granted("refresh_token")) == 2
    provider.answer_next("/api/echo", 401, {"error": "theirs"})
    refused = api.get(f"{proxy}/echo")
    assert (refused.status_code, refused.headers[UPSTREAM]) == (401, "401")
    assert len(provider.granted("refresh_token")) == 2


def test_a_broken_grant_is_told_as_that(
    api: ApiUnderTest, provider: OAuthProvider, proxy: str, fake_clock: FakeClock
) -> None:
    provider.revoke_all()
    fake_clock.advance(3700)
    answer = api.get(f"{proxy}/echo")
    assert (code(answer), UPSTREAM in answer.headers) == ((409, "connection_needs_reauth"), False)
    assert provider.at("/api/echo") == []


def test_the_token_itself_needs_its_own_scope(
    api: ApiUnderTest, provider: OAuthProvider, proxy: str, fake_clock: FakeClock
) -> None:
    path = proxy.replace("/proxy", "/token")
    narrow = api.make_key("narrow", "connections:call", "connections:read", "connections:write")
    assert code(api.post(path, key=narrow)) == (403, "scope_missing")
    fake_clock.advance(3700)
    told = api.post(path, key=api.make_key("wide", "connections:token"))
    document = told.get_json()
    assert (told.status_code, told.headers["Cache-Control"]) == (200, "no-store")
    assert document["access_token"].startswith("access-")
    assert document["scopes"] == ["read"]
    entries = api.get("/audit").get_json()["data"]
    assert [one["actor_name"] for one in entries if one["action"] == "connection.token_read"] == ["wide"]
    assert document["access_token"] not in str(entries)
    key = api.post("/connections", {"provider": KEYED, "key": "some-key", "test": False}).get_json()["id"]
    assert api.post(f"/connections/{key}/token").get_json()["access_token"] == "some-key"


def test_no_answer_with_a_token_is_kept_for_a_marked_request_that_comes_again(
    api: ApiUnderTest, provider: OAuthProvider, proxy: str, fake_clock: FakeClock
) -> None:
    path, marked = proxy.replace("/proxy", "/token"), {"headers": {"Idempotency-Key": "once"}}
    first = api.post(path, **marked).get_json()["access_token"]
    fake_clock.advance(3700)
    again = api.post(path, **marked)
    assert (again.status_code, "Idempotency-Replayed" in again.headers) == (200, False)
    assert again.get_json()["access_token"] != first
    entries = api.get("/audit").get_json()["data"]
    assert len([one for one in entries if one["action"] == "connection.token_read"]) == 2
    with api.installation.database.system_session() as session:
        assert session.scalars(select(IdempotentRequest)).all() == []


def test_calls_are_counted_where_everything_is(api: ApiUnderTest, provider: OAuthProvider, proxy: str) -> None:
    answer = api.get(f"{proxy}/me")
    assert answer.json
    answer.close()
    [provider_id] = {row["provider"] for row in api.get("/connections").json["data"]}
    said = api.app.test_client().get("/metrics").get_data(as_text=True)
    assert f'gateway_client_calls_total{{outcome="succeeded",system="{provider_id}"}} 1.0' in said.splitlines()
