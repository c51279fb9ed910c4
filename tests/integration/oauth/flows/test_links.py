"""One-time links: what opens them, what does not, and what their pages and cookies are like."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from gateway.factory import create_app
from gateway.installation import Installation
from gateway.oauth.flows.sessions.states import SessionState
from gateway.oauth.models import AppCredentials
from gateway.tenants.acting import act
from gateway.tenants.models import Tenant
from tests.integration.oauth.flows.conftest import BASE_URL, RETURN_TO, SQLITE, FlowsUnderTest
from tests.integration.oauth.flows.test_bad_callbacks import assert_page
from tests.services.acting import TESTER
from tests.services.oauth_entries import OPENID, PLAIN

pytestmark = SQLITE

SHOP = {"about": "the name before .shop", "pattern": "[a-z0-9-]+", "suffix": ".shop", "example": "my-shop"}


def test_a_link_works_once(flows: FlowsUnderTest) -> None:
    flows.add_app()
    link = flows.link()
    flows.leave(flows.browser(), link)
    assert_page(flows.browser().get(link), "session_used", 410)
    assert len(flows.flows()) == 1


@pytest.mark.parametrize("query", ["", "?session=", "?session=x", "?session=" + "x" * 43, "?session=%00%ff"])
def test_a_link_that_nobody_made_is_a_page(flows: FlowsUnderTest, query: str) -> None:
    assert_page(flows.browser().get(f"/oauth/{PLAIN}/login{query}"), "session_unknown", 404)


def test_a_link_ends(flows: FlowsUnderTest) -> None:
    flows.add_app()
    link = flows.link()
    flows.clock.advance(601)
    assert_page(flows.browser().get(link), "session_expired", 410)


def test_a_link_is_of_one_provider(flows: FlowsUnderTest) -> None:
    flows.add_app()
    link = flows.link()
    for provider in (OPENID, "github", "no-such-provider"):
        assert_page(flows.browser().get(link.replace(PLAIN, provider)), "provider_mismatch")
    flows.leave(flows.browser(), link)


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("HEAD", {}),
        ("GET", {"Sec-Purpose": "prefetch;prerender"}),
        ("GET", {"Purpose": "prefetch"}),
        ("GET", {"X-Moz": "prefetch"}),
    ],
)
def test_what_nobody_means_uses_up_nothing(flows: FlowsUnderTest, method: str, headers: dict[str, str]) -> None:
    flows.add_app()
    browser, link = flows.browser(), flows.link()
    assert browser.open(link, method=method, headers=headers).status_code == 503
    back = flows.agree(browser, link)
    assert browser.open(back, method=method, headers=headers).status_code == 503
    assert flows.provider.at("/token") == []
    assert browser.get(back).status_code == 200


@pytest.mark.parametrize("base_url", [BASE_URL, "https://gateway.test"])
def test_the_cookie_is_for_this_browser_and_this_host_alone(flows: FlowsUnderTest, base_url: str) -> None:
    flows.add_app()
    settings = replace(flows.installation.settings, base_url=base_url)
    with Installation(settings, clock=flows.clock) as installation:
        answer = create_app(installation).test_client().get(flows.link())
    cookie = answer.headers["Set-Cookie"]
    name, _, rest = cookie.partition("=")
    assert len(rest.partition(";")[0]) == 43
    is_secure = base_url.startswith("https")
    assert name == ("__Host-gateway-browser" if is_secure else "gateway-browser")
    attributes = {one.strip() for one in rest.split(";")[1:]}
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= attributes
    assert ("Secure" in attributes) is is_secure
    assert not any(one.startswith("Domain") for one in attributes)


def test_a_tenant_that_is_suspended_sends_nobody_away(flows: FlowsUnderTest) -> None:
    flows.add_app()
    link = flows.link()
    switch(flows, on=False)
    assert_page(flows.browser().get(link), "tenant_suspended", 503)
    switch(flows, on=True)
    flows.leave(flows.browser(), link)


def test_nor_where_it_is_suspended_while_its_customer_is_asked(flows: FlowsUnderTest) -> None:
    with_shops(flows)
    browser = flows.browser()
    form = {"token": token_of(browser.get(flows.link()).text), "p-shop": "mine"}
    switch(flows, on=False)
    assert_page(browser.post(f"/oauth/{PLAIN}/login", data=form), "tenant_suspended", 503)
    switch(flows, on=True)
    assert browser.post(f"/oauth/{PLAIN}/login", data=form).status_code == 302


def test_app_credentials_that_were_disabled_meanwhile_connect_nobody(flows: FlowsUnderTest) -> None:
    flows.add_app()
    flows.allow_return()
    browser = flows.browser()
    session_id, link = flows.session(return_to=RETURN_TO)
    back = flows.agree(browser, flows.link(return_to=RETURN_TO))
    with act(flows.installation, actor=TESTER, write=True) as acting:
        acting.session.scalars(select(AppCredentials)).one().disabled_at = acting.now
    for path in (link, back):
        assert browser.get(path).headers["Location"] == f"{RETURN_TO}&error=app_credentials_unusable"
    shown = flows.shown(session_id)
    assert (shown.state, shown.outcome) == (SessionState.FAILED, "app_credentials_unusable")
    assert flows.provider.at("/token") == []


def test_a_provider_that_is_away_at_the_beginning_is_on_record(flows: FlowsUnderTest) -> None:
    flows.add_app(provider=OPENID)
    flows.provider.fail()
    session_id, link = flows.session()
    answer = flows.browser().get(link)
    assert_page(answer, "provider_unavailable", 502)
    assert "Openid Provider does not answer" in answer.text
    shown = flows.shown(session_id)
    assert (shown.outcome, "503" in (shown.detail or "")) == ("provider_unavailable", True)


def test_what_only_the_customer_knows_is_asked_for(flows: FlowsUnderTest) -> None:
    with_shops(flows)
    browser, thief = flows.browser(), flows.browser()
    link = flows.link()
    asked = browser.get(link)
    assert (asked.status_code, asked.text.count("<input")) == (200, 2)
    assert "form-action 'self'" in asked.headers["Content-Security-Policy"]
    for label in ('<html lang="en">', "<h1>", '<label for="p-shop">', "for example my-shop"):
        assert label in asked.text
    path = f"/oauth/{PLAIN}/login"
    first = {"token": token_of(asked.text), "p-shop": '"><script>alert(1)</script>', "p-base": "https://evil.test"}
    assert_page(thief.post(path, data=first), "browser_unknown")
    again = browser.post(path, data=first)
    assert (again.status_code, "<script" in again.text, 'role="alert"' in again.text) == (422, False, True)
    assert_page(browser.post(path, data={**first, "p-shop": "mine"}), "state_used")
    second = {"token": token_of(again.text), "p-shop": "mine.shop"}
    assert_page(browser.post(f"/oauth/{OPENID}/login", data=second), "provider_mismatch")
    answer = browser.post(path, data=second)
    assert answer.status_code == 302
    back = flows.provider.agree(answer.headers["Location"]).removeprefix(BASE_URL)
    assert browser.get(back).status_code == 200
    [connection] = flows.connections()
    assert connection.parameters == {"shop": "mine.shop"}


def test_what_the_application_knows_is_not_asked_for(flows: FlowsUnderTest) -> None:
    with_shops(flows)
    assert flows.connect(parameters={"shop": "mine"}).status_code == 200
    [connection] = flows.connections()
    assert connection.parameters == {"shop": "mine"}
    flows.connect(app=None, reconnect=connection.id)
    assert len(flows.connections()) == 1


def test_a_form_that_is_none_is_a_page(flows: FlowsUnderTest) -> None:
    for data in (b"x" * 100_000, b"token=%ff", b""):
        answer = flows.browser().post(
            f"/oauth/{PLAIN}/login", data=data, content_type="application/x-www-form-urlencoded"
        )
        assert answer.status_code == 400
        assert answer.headers["Cache-Control"] == "no-store"


def with_shops(flows: FlowsUnderTest) -> None:
    """App credentials at a provider whose accounts are of shops."""
    flows.change_entries(
        parameters={"base": flows.base, "shop": SHOP},
        grants={"authorization_code": {}},
        authorize={"url": "{base}/authorize", "scopes": ["read"], "parameters": {"shop": "{shop}"}},
    )
    flows.add_app()


def token_of(text: str) -> str:
    return text.partition('name="token" value="')[2].partition('"')[0]


def switch(flows: FlowsUnderTest, *, on: bool) -> None:
    with flows.installation.database.system_session(write=True) as session:
        tenant = session.scalars(select(Tenant).where(Tenant.slug == "default")).one()
        tenant.suspended_at = None if on else flows.installation.now() - timedelta(seconds=1)
