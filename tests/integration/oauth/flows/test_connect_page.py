"""The connect page: what a customer sees and changes, in the browser that opened it."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from gateway.clock import FakeClock
from gateway.oauth.flows.rows import MOST_FLOWS
from gateway.oauth.models import Connection
from gateway.oauth.states import ConnectionState
from tests.integration.oauth.flows.conftest import BASE_URL, RETURN_TO, SQLITE, FlowsUnderTest
from tests.integration.oauth.flows.test_bad_callbacks import assert_page
from tests.integration.oauth.flows.test_links import token_of
from tests.services.acting import add_tenant
from tests.services.oauth_entries import OPENID

pytestmark = SQLITE


def opened(flows: FlowsUnderTest, browser: FlaskClient, tenant: str = "default", **draft: object) -> str:
    """The path of the page that the browser has opened."""
    link = flows.link(None, tenant, reference="customer-42", **draft)
    assert link.startswith("/connect?session=")
    return flows.leave(browser, link).removeprefix(BASE_URL)


def start(flows: FlowsUnderTest, browser: FlaskClient, path: str, app_id: str) -> str:
    """The callback to which the provider sends the browser that asked for it on the page."""
    form = {"token": token_of(browser.get(path).text), "connect": app_id}
    answer = browser.post(path, data=form)
    assert answer.status_code == 302, answer.text
    return flows.provider.agree(answer.headers["Location"]).removeprefix(BASE_URL)


def test_accounts_are_connected_one_after_the_other(flows: FlowsUnderTest) -> None:
    apps = [flows.add_app("plain"), flows.add_app("openid", provider=OPENID)]
    flows.allow_return()
    browser = flows.browser()
    path = opened(flows, browser, return_to=RETURN_TO)
    shown = browser.get(path)
    assert (shown.status_code, shown.text.count("Not connected.")) == (200, 2)
    assert "session=" not in path + shown.text
    for app_id in apps:
        answer = browser.get(start(flows, browser, path, app_id))
        assert answer.headers["Location"] == BASE_URL + path
    shown = browser.get(path)
    assert shown.text.count("ada@example.org: connected") == 2
    assert '<p role="status" class="said">Your Openid Provider account is connected.</p>' in shown.text
    assert f'<a href="{RETURN_TO}"' in shown.text
    assert {one.reference for one in flows.connections()} == {"customer-42"}
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]


def test_what_is_broken_is_said_and_mended(flows: FlowsUnderTest) -> None:
    app_id = flows.add_app()
    flows.connect(reference="customer-42")
    flows.connect(reference="customer-43", subject="somebody-else")
    with flows.installation.database.system_session(write=True) as session:
        session.execute(update(Connection).values(state=ConnectionState.NEEDS_REAUTH))
    browser = flows.browser()
    path = opened(flows, browser)
    text = browser.get(path).text
    assert (text.count("has to be connected again"), "Connect ada@example.org again" in text) == (1, True)
    browser.get(start(flows, browser, path, app_id))
    assert "ada@example.org: connected" in browser.get(path).text
    assert len(flows.connections()) == 2


def test_a_customer_ends_what_is_theirs(flows: FlowsUnderTest) -> None:
    flows.add_app()
    flows.connect(reference="customer-42")
    flows.connect(reference="customer-43")
    [own, others] = flows.connections()
    browser = flows.browser()
    path = opened(flows, browser)
    token = token_of(browser.get(path).text)
    assert_page(browser.post(path, data={"disconnect": own.id}), "browser_unknown")
    assert_page(browser.post(path, data={"token": token, "disconnect": others.id}), "request_invalid")
    answer = browser.post(path, data={"token": token, "disconnect": own.id})
    assert answer.headers["Location"] == f"{BASE_URL}{path}?disconnected=1"
    text = browser.get(f"{path}?disconnected=1").text
    assert ("Not connected." in text, "The account was disconnected." in text) == (True, True)
    [own, others] = flows.connections()
    assert (own.state, others.state, flows.secrets(own)) == ("revoked", "connected", {})


def test_who_says_no_is_back_on_the_page(flows: FlowsUnderTest) -> None:
    app_id = flows.add_app()
    browser = flows.browser()
    path = opened(flows, browser)
    flows.provider.denies = "access_denied"
    assert browser.get(start(flows, browser, path, app_id)).headers["Location"] == BASE_URL + path
    assert "was declined, so nothing was connected" in browser.get(path).text


def test_the_page_is_of_one_browser(flows: FlowsUnderTest) -> None:
    app_id = flows.add_app()
    browser, thief = flows.browser(), flows.browser()
    link = flows.link(None, reference="customer-42")
    path = flows.leave(browser, link).removeprefix(BASE_URL)
    token = token_of(browser.get(path).text)
    assert_page(thief.get(link), "session_used", 410)
    assert_page(thief.get(path), "browser_unknown")
    form = {"token": token, "connect": app_id}
    assert_page(thief.post(path, data=form), "browser_unknown")
    for wrong in ({}, {**form, "token": ""}, {**form, "token": "x"}):
        assert_page(browser.post(path, data=wrong), "browser_unknown")
    assert_page(browser.post(path, data={**form, "connect": "app_1"}), "request_invalid")
    assert flows.flows() == []
    flows.clock.advance(3601)
    assert_page(browser.get(path), "session_expired", 410)
    assert_page(browser.post(path, data=form), "session_expired", 410)


@pytest.mark.parametrize("path", ["/connect", "/connect?session=x", "/connect/cs_1"])
def test_a_page_that_nobody_made(flows: FlowsUnderTest, path: str) -> None:
    assert_page(flows.browser().get(path), "session_unknown", 404)


def test_a_link_of_one_provider_opens_no_page(flows: FlowsUnderTest) -> None:
    flows.add_app()
    link = flows.link()
    token = link.partition("session=")[2]
    browser = flows.browser()
    assert_page(browser.get(f"/connect?session={token}"), "provider_mismatch")
    flows.leave(browser, link)
    assert_page(browser.get(f"/connect/{flows.sessions()[0].id}"), "session_unknown", 404)


def test_other_tenants_are_not_seen(flows: FlowsUnderTest, fake_clock: FakeClock) -> None:
    add_tenant(flows.installation.database, fake_clock, "rival")
    flows.add_app()
    theirs = flows.add_app("theirs", tenant="rival")
    flows.connect(reference="customer-42")
    browser = flows.browser()
    path = opened(flows, browser, tenant="rival")
    text = browser.get(path).text
    assert (text.count("<li>"), "Not connected." in text) == (1, True)
    own = opened(flows, browser)
    form = {"token": token_of(browser.get(own).text), "connect": theirs}
    assert_page(browser.post(own, data=form), "request_invalid")


def test_nobody_tries_without_end(flows: FlowsUnderTest) -> None:
    app_id = flows.add_app()
    browser = flows.browser()
    path = opened(flows, browser)
    form = {"token": token_of(browser.get(path).text), "connect": app_id}
    assert [browser.post(path, data=form).status_code for _ in range(MOST_FLOWS)] == [302] * MOST_FLOWS
    assert_page(browser.post(path, data=form), "session_spent", 429)
    assert len(flows.flows()) == MOST_FLOWS
    assert browser.get(path).status_code == 200


def test_the_page_leads_back_to_no_origin_that_was_taken_away(flows: FlowsUnderTest) -> None:
    flows.add_app()
    flows.allow_return()
    browser = flows.browser()
    path = opened(flows, browser, return_to=RETURN_TO)
    assert "https://app.example.com" in browser.get(path).text
    flows.allow_return(origins=["https://other.example.com"])
    assert "https://app.example.com" not in browser.get(path).text
