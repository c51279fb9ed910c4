"""Callbacks that are not what a provider sends a browser back with, and browsers that did not begin what they end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gateway.clock import FakeClock
from gateway.oauth.flows.one_time import digest
from gateway.oauth.flows.outcomes import Outcome
from gateway.oauth.flows.rows import acting_for, find_flow, find_session, use_flow, use_session
from gateway.oauth.flows.sessions.states import SessionState
from gateway.oauth.flows.steps import FlowRefused, Visitor
from tests.integration.oauth.flows.conftest import BASE_URL, RETURN_TO, SQLITE, FlowsUnderTest
from tests.services.acting import add_tenant
from tests.services.oauth_entries import OPENID, PLAIN

CALLBACK = f"/oauth/{PLAIN}/app_app_default/callback"
Change = Callable[[str], str]


@pytest.fixture
def ready(flows: FlowsUnderTest) -> FlowsUnderTest:
    flows.add_app()
    flows.allow_return()
    return flows


def assert_page(answer: TestResponse, code: str, status: int = 400) -> None:
    """A page of ours that says `code`, and leads nowhere."""
    assert (answer.status_code, "Location" in answer.headers) == (status, False), answer.text
    assert f"<code>{code}</code>" in answer.text
    headers = answer.headers
    assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert headers["X-Content-Type-Options"] == "nosniff"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def assert_untouched(flows: FlowsUnderTest) -> None:
    """Nobody was asked for a token, and nothing is connected."""
    assert flows.provider.at("/token") == []
    assert flows.connections() == []


@SQLITE
@pytest.mark.parametrize(
    "query",
    [
        "",
        "state=",
        "state",
        "code=abc",
        "state=unknown&code=abc",
        "state=" + "x" * 43 + "&code=abc",
        "state=" + "x" * 10_240 + "&code=abc",
        "state=%00&code=abc",
        "state=%ff%fe&code=abc",
        "state=%C3%BC&code=abc",
        "code=a&" + "x=1&" * 200,
        "state=<script>alert(1)</script>&error=<script>alert(1)</script>",
    ],
)
def test_a_callback_of_nobody_is_a_page(ready: FlowsUnderTest, query: str) -> None:
    browser = ready.browser()
    ready.leave(browser, ready.link())
    answer = browser.get(f"{CALLBACK}?{query}")
    assert_page(answer, "state_unknown")
    assert "<script" not in answer.text
    assert_untouched(ready)


@SQLITE
def test_no_state_twice(ready: FlowsUnderTest) -> None:
    browser = ready.browser()
    back = ready.agree(browser, ready.link())
    state = back.partition("state=")[2].partition("&")[0]
    assert_page(browser.get(f"{back}&state={state}"), "state_unknown")
    assert_untouched(ready)


@SQLITE
def test_another_browser_ends_nothing_and_spoils_nothing(ready: FlowsUnderTest) -> None:
    browser, thief = ready.browser(), ready.browser()
    back = ready.agree(browser, ready.link())
    assert_page(thief.get(back), "browser_unknown")
    ready.leave(thief, ready.link())
    assert_page(thief.get(back), "browser_unknown")
    assert_untouched(ready)
    assert browser.get(back).status_code == 200


@SQLITE
def test_a_state_ends(ready: FlowsUnderTest) -> None:
    browser = ready.browser()
    session_id, link = ready.session()
    back = ready.agree(browser, link)
    ready.clock.advance(601)
    assert_page(browser.get(back), "state_expired")
    assert_untouched(ready)
    assert ready.shown(session_id).state is SessionState.EXPIRED


@SQLITE
def test_a_state_counts_once(ready: FlowsUnderTest) -> None:
    browser = ready.browser()
    back = ready.agree(browser, ready.link())
    assert browser.get(back).status_code == 200
    assert_page(browser.get(back), "state_used")
    assert len(ready.provider.granted("authorization_code")) == 1


@SQLITE
def test_a_callback_of_another_provider_or_of_other_app_credentials_is_refused(ready: FlowsUnderTest) -> None:
    other = ready.add_app("other")
    browser = ready.browser()
    path, _, query = ready.agree(browser, ready.link()).partition("?")
    assert path == f"/oauth/{PLAIN}/app_app_default/callback"
    for wrong in (f"{PLAIN}/{other}", PLAIN, f"{OPENID}/app_app_default", "github"):
        assert_page(browser.get(f"/oauth/{wrong}/callback?{query}"), "provider_mismatch")
    assert_page(browser.get(f"/oauth/no-such-provider/callback?{query}"), "state_unknown")
    assert_untouched(ready)
    assert browser.get(f"{path}?{query}").status_code == 200


@SQLITE
def test_who_is_one_server_for_all_has_one_callback_for_all(ready: FlowsUnderTest) -> None:
    app_id = ready.add_app("code", provider="github")
    browser = ready.browser()
    session_id, link = ready.session("code")
    asked = parse_qs(urlsplit(ready.leave(browser, link)).query)
    assert asked["redirect_uri"] == [f"{BASE_URL}/oauth/github/callback"]
    query = urlencode({"error": "access_denied", "state": asked["state"][0]})
    assert_page(browser.get(f"/oauth/github/{app_id}/callback?{query}"), "provider_mismatch")
    assert_page(browser.get(f"/oauth/github/callback?{query}"), "access_denied", 403)
    assert ready.shown(session_id).outcome == "access_denied"


@SQLITE
def test_tenants_do_not_meet(ready: FlowsUnderTest, fake_clock: FakeClock) -> None:
    add_tenant(ready.installation.database, fake_clock, "rival")
    ready.add_app("theirs", tenant="rival")
    browser = ready.browser()
    first = ready.agree(browser, ready.link())
    second = ready.agree(browser, ready.link("theirs", tenant="rival"))
    assert browser.get(second).status_code == browser.get(first).status_code == 200
    assert {one.tenant_id for one in ready.connections()} == {"ten_default", "ten_rival"}


@SQLITE
@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (lambda query: query.replace("code=", "code=&x="), "callback_invalid"),
        (lambda query: query + "&code=another", "callback_invalid"),
        (lambda query: query + "&error=access_denied", "callback_invalid"),
        (lambda query: query.replace("code=", "code=%00"), "callback_invalid"),
        (lambda query: query.replace("code=", "code=" + "x" * 10_240), "callback_invalid"),
        (lambda query: query.replace("code=", "x="), "callback_invalid"),
        (lambda query: query.replace("code=", "code=wrong"), "provider_refused"),
        (lambda query: query.replace("code=", "error=access_denied&x="), "access_denied"),
        (lambda query: query.replace("code=", "error=server_error&x="), "provider_error"),
        (lambda query: query.replace("code=", "error=%3Cscript%3E&x="), "provider_error"),
        (lambda query: query.replace("code=", "error=" + "x" * 200 + "&x="), "callback_invalid"),
    ],
)
def test_what_the_provider_did_not_mean_ends_the_flow(ready: FlowsUnderTest, change: Change, outcome: str) -> None:
    browser = ready.browser()
    session_id, link = ready.session(return_to=RETURN_TO)
    path, _, query = ready.agree(browser, link).partition("?")
    answer = browser.get(f"{path}?{change(query)}")
    assert answer.headers["Location"] == f"{RETURN_TO}&error={outcome}"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    shown = ready.shown(session_id)
    assert (shown.state, shown.outcome, shown.connection) == (SessionState.FAILED, outcome, None)
    assert ready.connections() == []
    assert_page(browser.get(f"{path}?{query}"), "state_used")


@SQLITE
@pytest.mark.parametrize(
    ("promises", "iss", "outcome"),
    [
        (True, None, "issuer_mismatch"),
        (True, "https://evil.example.com", "issuer_mismatch"),
        (True, "{issuer}/", "issuer_mismatch"),
        (False, "https://evil.example.com", "issuer_mismatch"),
        (False, None, "connected"),
    ],
)
def test_who_answers_is_who_was_asked(ready: FlowsUnderTest, promises: bool, iss: str | None, outcome: str) -> None:
    ready.provider.metadata = {"authorization_response_iss_parameter_supported": promises}
    ready.provider.sends_iss = False
    ready.add_app("open", provider=OPENID)
    browser = ready.browser()
    session_id, link = ready.session("open")
    back = ready.agree(browser, link)
    if iss is not None:
        back += f"&iss={iss.format(issuer=ready.provider.issuer)}"
    answer = browser.get(back)
    assert ready.shown(session_id).outcome == outcome
    if outcome != "connected":
        assert_page(answer, outcome)
        assert_untouched(ready)


def test_the_same_callback_at_once_asks_for_one_token(ready: FlowsUnderTest) -> None:
    # As many as may wait for providers.
    count = 6
    browser = ready.browser()
    back = ready.agree(browser, ready.link())
    cookies = {cookie.key: cookie.value for cookie in browser._cookies.values()}  # the jar is not for threads
    barrier = threading.Barrier(count)

    def come(_number: int) -> int:
        copy = with_cookies(ready.browser(), cookies)
        barrier.wait(10)
        return copy.get(back).status_code

    with ThreadPoolExecutor(count) as pool:
        answers = list(pool.map(come, range(count)))
    assert sorted(answers) == [200] + [400] * (count - 1)
    assert len(ready.provider.granted("authorization_code")) == 1
    assert len(ready.connections()) == 1


def test_of_two_who_have_read_a_flow_as_open_one_uses_it(ready: FlowsUnderTest) -> None:
    browser = ready.browser()
    state = parse_qs(urlsplit(ready.agree(browser, ready.link())).query)["state"][0]
    [visitor] = [Visitor(flow.browser_digest) for flow in ready.flows()]
    found = [find_flow(ready.installation, digest(state), visitor) for _ in range(2)]
    for number, (flow, session) in enumerate(found):
        refused = pytest.raises(FlowRefused, match="state_used") if number else nullcontext()
        with refused, acting_for(ready.installation, session, visitor) as acting:
            use_flow(acting, flow, Outcome.INTERRUPTED)


def test_of_two_who_have_read_a_session_as_new_one_opens_it(ready: FlowsUnderTest) -> None:
    token = ready.link().partition("session=")[2]
    visitors = [Visitor(digest(name)) for name in ("first", "second")]
    found = [find_session(ready.installation, digest(token)) for _ in visitors]
    for number, (session, visitor) in enumerate(zip(found, visitors, strict=True)):
        refused = pytest.raises(FlowRefused, match="session_used") if number else nullcontext()
        with refused, acting_for(ready.installation, session, visitor) as acting:
            use_session(acting, session, visitor)
    assert [one.browser_digest for one in ready.sessions()] == [visitors[0].browser]


@SQLITE
@pytest.mark.parametrize("headers", [{"Host": "evil.example.com"}, {"X-Forwarded-Host": "evil.example.com"}])
def test_whoever_is_asked_the_redirect_uri_is_the_configured_one(
    ready: FlowsUnderTest, headers: dict[str, str]
) -> None:
    browser = ready.browser()
    answer = browser.get(ready.link(), headers={**headers, "X-Forwarded-Proto": "https", "Forwarded": "host=evil"})
    assert "redirect_uri=http%3A%2F%2Fgateway.test%2Foauth%2F" in answer.headers["Location"]
    assert "evil" not in answer.headers["Location"]


def with_cookies(browser: FlaskClient, cookies: dict[str, str]) -> FlaskClient:
    for name, value in cookies.items():
        browser.set_cookie(name, value)
    return browser
