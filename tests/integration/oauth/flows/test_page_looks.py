"""How pages of connect sessions look, and pages in frames of the application: what allows them, and what goes along."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from gateway.errors import InvalidInput
from gateway.factory import create_app
from gateway.installation import Installation
from gateway.oauth.models import Connection
from gateway.oauth.states import ConnectionState
from tests.integration.oauth.flows import conftest
from tests.integration.oauth.flows.conftest import BASE_URL, RETURN_TO, SQLITE, FlowsUnderTest
from tests.integration.oauth.flows.test_connect_page import opened
from tests.integration.oauth.flows.test_links import token_of, with_shops

pytestmark = SQLITE

THEME = {"accent": "#7A3CFF", "title": "<b>Example & Co.</b>"}
HTTPS = "https://gateway.test"


def assert_styles_are_allowed(answer: TestResponse, count: int) -> None:
    """Each style element has its digest in the policy, and nothing else has a style."""
    policy = answer.headers["Content-Security-Policy"]
    styles = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    assert len(styles) == count
    for text in styles:
        assert f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" in policy
    assert "style=" not in answer.text
    assert "unsafe" not in policy


def test_the_page_looks_as_its_application_says(flows: FlowsUnderTest) -> None:
    flows.add_app()
    browser = flows.browser()
    answer = browser.get(opened(flows, browser, theme=THEME))
    assert "<header>&lt;b&gt;Example &amp; Co.&lt;/b&gt;</header>" in answer.text
    assert "--button: #7a3cff" in answer.text
    assert_styles_are_allowed(answer, 2)
    assert_styles_are_allowed(browser.get(opened(flows, browser)), 1)


def test_so_do_the_pages_of_a_flow(flows: FlowsUnderTest) -> None:
    with_shops(flows)
    browser = flows.browser()
    asked = browser.get(flows.link(theme=THEME))
    assert ("my-shop" in asked.text, "--button: #7a3cff" in asked.text) == (True, True)
    form = {"token": token_of(asked.text), "p-shop": "mine"}
    answer = browser.post("/oauth/plain-provider/login", data=form)
    ended = browser.get(flows.provider.agree(answer.headers["Location"]).removeprefix(BASE_URL))
    assert ("Connected" in ended.text, "--button: #7a3cff" in ended.text) == (True, True)
    assert_styles_are_allowed(ended, 2)


def test_a_theme_is_judged_and_shown(flows: FlowsUnderTest) -> None:
    flows.add_app()
    session_id, _ = flows.session(theme={"radius": "8"})
    assert flows.shown(session_id).theme == {"radius": "8"}
    with pytest.raises(InvalidInput) as refused:
        flows.link(theme={"accent": "red"})
    assert [fault.field for fault in refused.value.faults] == ["theme.accent"]


def test_an_account_without_a_name_is_connected_again_and_not_twice(flows: FlowsUnderTest) -> None:
    flows.change_entries(account=None)
    flows.add_app()
    flows.connect(reference="customer-42")
    flows.connect(reference="customer-43")
    [own, others] = flows.connections()
    assert own.account_id is None
    with flows.installation.database.system_session(write=True) as session:
        session.execute(update(Connection).values(state=ConnectionState.NEEDS_REAUTH))
    browser = flows.browser()
    path = opened(flows, browser)
    text = browser.get(path).text
    assert re.search(r'value="([^"]+)">Connect Account connected on \d{4}-\d\d-\d\d again<', text)
    token = token_of(text)
    assert browser.post(path, data={"token": token, "reconnect": others.id}).status_code == 400
    assert browser.post(path, data={"token": token, "reconnect": "conn_1"}).status_code == 400
    answer = browser.post(path, data={"token": token, "reconnect": own.id})
    browser.get(flows.provider.agree(answer.headers["Location"]).removeprefix(BASE_URL))
    assert [one.state for one in flows.connections()] == ["connected", "needs_reauth"]
    assert "connected again" not in browser.get(path).text


def test_another_account_does_not_take_the_place_of_the_one_that_broke(flows: FlowsUnderTest) -> None:
    flows.add_app()
    flows.connect(reference="customer-42")
    [own] = flows.connections()
    browser = flows.browser()
    path = opened(flows, browser)
    answer = browser.post(path, data={"token": token_of(browser.get(path).text), "reconnect": own.id})
    back = flows.provider.agree(answer.headers["Location"], subject="somebody-else").removeprefix(BASE_URL)
    assert browser.get(back).headers["Location"] == BASE_URL + path
    assert "You chose another Plain Provider account" in browser.get(path).text
    assert len(flows.connections()) == 1


@pytest.fixture
def framed(flows: FlowsUnderTest, monkeypatch: pytest.MonkeyPatch) -> FlowsUnderTest:
    """The same gateway, reached over HTTPS."""
    monkeypatch.setattr(conftest, "BASE_URL", HTTPS)
    with Installation(replace(flows.installation.settings, base_url=HTTPS), clock=flows.clock) as installation:
        made = replace(flows, app=create_app(installation), installation=installation)
        made.allow_return()
        yield made


def in_frame(flows: FlowsUnderTest, browser: FlaskClient, **draft: object) -> tuple[str, TestResponse]:
    """The path of an embedded page that the browser has opened, and the answer that led there."""
    link = flows.link(None, reference="customer-42", return_to=RETURN_TO, embed=True, **draft)
    assert link.startswith("/connect/embedded?session=")
    answer = browser.get(link, base_url=HTTPS)
    return answer.headers["Location"].removeprefix(HTTPS), answer


def test_an_embedded_page_is_framed_by_the_tenants_origins_alone(framed: FlowsUnderTest) -> None:
    framed.add_app()
    browser = framed.browser()
    path, answer = in_frame(framed, browser)
    cookie = answer.headers["Set-Cookie"]
    for part in ("__Host-gateway-embedded=", "Secure", "HttpOnly", "SameSite=None", "Partitioned", "Path=/"):
        assert part in cookie
    shown = browser.get(path, base_url=HTTPS)
    assert "frame-ancestors https://app.example.com;" in shown.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in shown.headers
    assert 'formtarget="_top">Connect Plain Provider' in shown.text
    assert_styles_are_allowed(shown, 1)
    # Another browser gets no page, and what it gets may stand in the frame, for there is nothing on it to click.
    other = framed.browser().get(path, base_url=HTTPS)
    assert ("browser_unknown" in other.text, "<form" in other.text, "<a" in other.text) == (True, False, False)
    assert "frame-ancestors https:;" in other.headers["Content-Security-Policy"]


def test_an_account_is_connected_at_the_top_level_where_the_frames_cookie_is_not(framed: FlowsUnderTest) -> None:
    app_id = framed.add_app()
    frame, top = framed.browser(), framed.browser()
    path, _ = in_frame(framed, frame)
    form = {"token": token_of(frame.get(path, base_url=HTTPS).text), "connect": app_id}
    for wrong in ({**form, "token": "x"}, {"connect": app_id}, {**form, "disconnect": "conn_1", "token": "x"}):
        assert "browser_unknown" in top.post(path, data=wrong, base_url=HTTPS).text
    for site in ("cross-site", "same-site", "none"):
        foreign = top.post(path, data=form, base_url=HTTPS, headers={"Sec-Fetch-Site": site})
        assert "browser_unknown" in foreign.text
    left = top.post(path, data=form, base_url=HTTPS, headers={"Sec-Fetch-Site": "same-origin"})
    assert "SameSite=Lax" in left.headers["Set-Cookie"]
    back = framed.provider.agree(left.headers["Location"]).removeprefix(HTTPS)
    assert "browser_unknown" in frame.get(back, base_url=HTTPS).text
    ended = top.get(back, base_url=HTTPS)
    [made] = framed.connections()
    assert ended.headers["Location"] == f"{RETURN_TO}&connection={made.id}&status=connected"
    text = frame.get(path, base_url=HTTPS).text
    assert "ada@example.org: connected" in text
    # Ended in the frame.
    answer = frame.post(path, data={"token": token_of(text), "disconnect": made.id}, base_url=HTTPS)
    assert answer.headers["Location"] == f"{HTTPS}{path}?disconnected=1"
    assert framed.connections()[0].state == "revoked"
    assert "account is connected" not in frame.get(path, base_url=HTTPS).text
    framed.clock.advance(3601)
    assert "session_expired" in top.post(path, data=form, base_url=HTTPS).text


def test_pages_are_opened_as_they_were_made(framed: FlowsUnderTest) -> None:
    framed.add_app()
    browser = framed.browser()
    link = framed.link(None, reference="customer-42", return_to=RETURN_TO, embed=True)
    token = link.partition("session=")[2]
    assert "provider_mismatch" in browser.get(f"/connect?session={token}", base_url=HTTPS).text
    path, _ = in_frame(framed, browser)
    plain = path.replace("/embedded", "")
    assert "session_unknown" in browser.get(plain, base_url=HTTPS).text


@pytest.mark.parametrize(
    ("draft", "field"),
    [({"app": "app"}, "embed"), ({"return_to": None}, "return_to")],
)
def test_what_cannot_be_embedded_is_refused(framed: FlowsUnderTest, draft: dict[str, object], field: str) -> None:
    framed.add_app()
    whole = {"app": None, "reference": "customer-42", "return_to": RETURN_TO, "embed": True} | draft
    with pytest.raises(InvalidInput) as refused:
        framed.link(**whole)  # type: ignore[arg-type]
    assert [fault.field for fault in refused.value.faults] == [field]


def test_nothing_is_embedded_without_https(flows: FlowsUnderTest) -> None:
    flows.allow_return()
    with pytest.raises(InvalidInput, match="HTTPS"):
        flows.link(None, reference="customer-42", return_to=RETURN_TO, embed=True)
