"""Providers that answer wrongly, databases that go away, choices: nothing is ever half stored."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.db.schema.upgrade import upgrade
from gateway.factory import create_app
from gateway.installation import Installation
from gateway.oauth.app_credentials.changes import AppChange, NewSecrets
from gateway.oauth.app_credentials.management import change_app, rotate_app
from gateway.oauth.flows.sessions.states import CUT_OFF_AFTER, SessionState
from gateway.oauth.protocol.places import places_of
from gateway.tenants.acting import act
from tests.integration.oauth.flows.conftest import BASE_URL, RETURN_TO, SQLITE, FlowsUnderTest
from tests.integration.oauth.flows.test_bad_callbacks import assert_page
from tests.integration.oauth.flows.test_links import token_of
from tests.services.acting import TESTER
from tests.services.oauth_entries import OPENID, PLAIN, write_entries
from tests.services.oauth_provider import OAuthProvider
from tests.services.postgres import PrivatePostgres

TOKEN = {"access_token": "secret-token", "token_type": "Bearer"}


@SQLITE
@pytest.mark.parametrize(
    ("status", "body", "headers", "outcome"),
    [
        (200, b"<html>secret-token</html>", {"Content-Type": "text/html"}, "provider_answer_invalid"),
        (200, {}, {}, "provider_answer_invalid"),
        (200, {**TOKEN, "access_token": ""}, {}, "provider_answer_invalid"),
        (200, b"x" * 2_000_000, {}, "provider_answer_invalid"),
        (302, b"", {"Location": "https://evil.example.com/"}, "provider_answer_invalid"),
        (400, {"error": "invalid_grant", "error_description": "too late"}, {}, "provider_refused"),
        (401, {"error": "invalid_client"}, {}, "provider_refused"),
        (503, b"", {"Retry-After": "5"}, "provider_unavailable"),
        (429, b"", {}, "provider_unavailable"),
    ],
)
def test_a_token_answer_that_is_none(
    flows: FlowsUnderTest, status: int, body: object, headers: Mapping[str, str], outcome: str
) -> None:
    flows.add_app()
    flows.allow_return()
    flows.provider.answer_next("/token", status, body, headers)
    session_id, link = flows.session(return_to=RETURN_TO)
    browser = flows.browser()
    answer = browser.get(flows.agree(browser, link))
    assert answer.headers["Location"] == f"{RETURN_TO}&error={outcome}"
    shown = flows.shown(session_id)
    assert (shown.outcome, shown.connection) == (outcome, None)
    assert "secret-token" not in (shown.detail or "")
    assert flows.connections() == []
    assert len(flows.provider.at("/token")) == 1


@SQLITE
@pytest.mark.parametrize("path", ["/token", "/api/me"])
def test_an_answer_that_is_lost_connects_nothing(flows: FlowsUnderTest, path: str) -> None:
    flows.add_app()
    flows.provider.lose_answers(path)
    answer = flows.connect()
    assert_page(answer, "provider_unavailable", 502)
    assert flows.connections() == []
    assert flows.connect().status_code == 200


@SQLITE
@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"aud": "another"},
        {"iss": "https://evil.example.com"},
        {"exp": 1},
        {"azp": "another"},
        {"at_hash": "wrong"},
    ],
)
def test_an_id_token_for_somebody_else(flows: FlowsUnderTest, claims: dict[str, Any]) -> None:
    flows.add_app(provider=OPENID)
    flows.provider.claims = claims
    assert_page(flows.connect(), "provider_answer_invalid", 502)
    assert flows.connections() == []


@SQLITE
def test_keys_may_have_been_rotated_a_moment_ago(flows: FlowsUnderTest) -> None:
    flows.add_app(provider=OPENID)
    assert flows.connect().status_code == 200
    flows.clock.advance(60)
    flows.provider.rotate_keys()
    assert flows.connect().status_code == 200


@SQLITE
def test_silent_providers_leave_threads_for_others(flows: FlowsUnderTest) -> None:
    flows.add_app()
    browser = flows.browser()
    session_id, link = flows.session()
    back = flows.agree(browser, link)
    places = places_of(flows.installation)
    with ExitStack() as held:
        for _ in range(places.count):
            held.enter_context(places.taken())
        busy = browser.get(back)
        assert_page(busy, "providers_busy", 503)
        assert (busy.headers["Retry-After"], busy.headers["Refresh"]) == ("1", "1")
        assert (browser.post(f"/oauth/{PLAIN}/choice").headers.get("Refresh"), flows.shown(session_id).state) == (
            None,
            SessionState.OPENED,
        )
        assert_page(browser.get(flows.link()), "providers_busy", 503)
    assert browser.get(back).status_code == 200


@SQLITE
def test_app_credentials_that_become_another_app_s_meanwhile_get_no_code(flows: FlowsUnderTest) -> None:
    app_id = flows.add_app()
    browser = flows.browser()
    session_id, link = flows.session()
    back = flows.agree(browser, link)
    with act(flows.installation, actor=TESTER, write=True) as acting:
        change_app(acting, app_id, AppChange(client_id="another"))
    assert_page(browser.get(back), "app_credentials_unusable", 409)
    shown = flows.shown(session_id)
    assert (shown.outcome, "another app's" in (shown.detail or "")) == ("app_credentials_unusable", True)
    assert (flows.provider.at("/token"), flows.connections()) == ([], [])


@SQLITE
def test_a_secret_that_is_changed_meanwhile_is_the_one_that_counts(flows: FlowsUnderTest) -> None:
    app_id = flows.add_app()
    browser = flows.browser()
    back = flows.agree(browser, flows.link())
    flows.provider.client_secret = "the-next-secret"
    with act(flows.installation, actor=TESTER, write=True) as acting:
        rotate_app(acting, app_id, NewSecrets(client_secret="the-next-secret"))
    assert browser.get(back).status_code == 200
    assert len(flows.connections()) == 1


@SQLITE
def test_one_of_several_is_chosen(flows: FlowsUnderTest) -> None:
    with_choice(flows)
    flows.allow_return()
    sites = [{"id": "1", "name": "First <b>"}, {"id": "2", "name": "Second"}]
    flows.provider.answer_next("/api/sites", 200, {"sites": sites}, {"Content-Type": "application/json"})
    browser, thief = flows.browser(), flows.browser()
    session_id, link = flows.session(return_to=RETURN_TO)
    asked = browser.get(flows.agree(browser, link))
    assert (asked.status_code, asked.text.count('type="radio"')) == (200, 2)
    assert "First &lt;b&gt;" in asked.text
    assert f"form-action 'self' {RETURN_TO.partition('/integrations')[0]};" in asked.headers["Content-Security-Policy"]
    assert (flows.shown(session_id).state, flows.connections()) == (SessionState.OPENED, [])
    [first, second] = [part.partition('"')[0] for part in asked.text.split('name="choice" value="')[1:]]
    path, form = f"/oauth/{PLAIN}/choice", {"token": token_of(asked.text), "choice": second}
    assert first != second
    assert_page(thief.post(path, data=form), "browser_unknown")
    assert_page(browser.post(path, data={**form, "choice": "3"}), "request_invalid")
    assert_page(browser.post(f"/oauth/{OPENID}/choice", data=form), "provider_mismatch")
    answer = browser.post(path, data=form)
    [connection] = flows.connections()
    assert answer.headers["Location"] == f"{RETURN_TO}&connection={connection.id}&status=connected"
    assert connection.kept == {"site": "2"}
    assert_page(browser.post(path, data=form), "state_used")
    assert flows.shown(session_id).connection == connection.id
    assert all(flow.sealed is None for flow in flows.flows())


@SQLITE
def test_a_choice_that_nobody_makes_ends(flows: FlowsUnderTest) -> None:
    with_choice(flows)
    sites = [{"id": str(number), "name": f"Site {number}"} for number in range(3)]
    flows.provider.answer_next("/api/sites", 200, {"sites": sites}, {"Content-Type": "application/json"})
    browser = flows.browser()
    session_id, link = flows.session()
    asked = browser.get(flows.agree(browser, link))
    flows.clock.advance(601)
    answer = browser.post(f"/oauth/{PLAIN}/choice", data={"token": token_of(asked.text), "choice": "x"})
    assert_page(answer, "state_expired")
    assert (flows.shown(session_id).state, flows.connections()) == (SessionState.EXPIRED, [])


def test_a_database_that_goes_away_in_the_middle(
    private_postgres: PrivatePostgres, fake_clock: FakeClock, oauth_server: OAuthProvider, tmp_path: Any
) -> None:
    oauth_server.reset(fake_clock)
    entries = tmp_path / "providers"
    write_entries(entries, oauth_server)
    upgrade(private_postgres.url)
    settings = Settings(
        database_url=private_postgres.url,
        encryption_key_file=tmp_path / "encryption.key",
        allow_private_destinations=True,
        base_url=BASE_URL,
        providers_dir=entries,
    )
    with Installation(settings, clock=fake_clock) as installation, ThreadPoolExecutor(1) as pool:
        flows = FlowsUnderTest(create_app(installation), installation, fake_clock, oauth_server, entries)
        flows.add_app()
        flows.allow_return()
        browser = flows.browser()
        session_id, link = flows.session(return_to=RETURN_TO)
        back = flows.agree(browser, link)
        with oauth_server.held("/token") as held:
            coming = pool.submit(browser.get, back)
            held.await_arrival()
            private_postgres.kill()
            held.release()
            answer = coming.result(60)
        assert_page(answer, "storage_unavailable", 503)
        assert f'<a href="{RETURN_TO}&amp;error=storage_unavailable"' in answer.text
        early = browser.get(link)
        assert (early.status_code, "load this page again" in early.text) == (503, True)
        private_postgres.start()
        assert (flows.connections(), len(flows.events())) == ([], 0)
        assert flows.shown(session_id).state is SessionState.OPENED
        flows.clock.advance(CUT_OFF_AFTER.total_seconds())
        shown = flows.shown(session_id)
        assert (shown.state, shown.outcome) == (SessionState.FAILED, "interrupted")
        assert flows.connect().status_code == 200


def with_choice(flows: FlowsUnderTest) -> None:
    """App credentials at a provider where one of several sites is meant."""
    flows.change_entries(
        after_exchange={
            "url": "{base}/api/sites",
            "choose": {"about": "the site", "of": "sites", "label": "name"},
            "keep": {"site": "id"},
        }
    )
    flows.add_app()
