"""OAuth 1.0a by a browser: the provider's request token is what the browser carries."""

from __future__ import annotations

import yaml

from gateway.oauth.flows.one_time import digest
from tests.integration.oauth.flows.conftest import SQLITE, FlowsUnderTest
from tests.integration.oauth.flows.test_bad_callbacks import assert_page

pytestmark = SQLITE

FORM = {"Content-Type": "text/plain"}
REQUEST = b"oauth_token=request-1&oauth_token_secret=r-secret&oauth_callback_confirmed=true"


def with_oauth1(flows: FlowsUnderTest) -> str:
    oauth = {
        "kind": "oauth1",
        "evidence": {"level": "ours", "by": ["the tests"]},
        "parameters": {"base": flows.base},
        "request_token": {"url": "{base}/request", "signature": "HMAC-SHA1"},
        "authorize": {"url": "{base}/agree", "scopes": ["read"]},
        "token": {"url": "{base}/access"},
        "account": {"source": "token", "id": "user_id", "label": ["screen_name"]},
        "refresh": {"style": "none"},
        "api": {"base_url": "{base}/api", "is_signed": True},
    }
    document = {"name": "Old Provider", "category": "identity", "oauth": oauth}
    (flows.entries / "old-provider.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    flows.provider.answer_next("/request", 200, REQUEST, FORM)
    return flows.add_app(provider="old-provider")


def test_an_account_is_connected(flows: FlowsUnderTest) -> None:
    app_id = with_oauth1(flows)
    access = b"oauth_token=access-1&oauth_token_secret=a-secret&user_id=42&screen_name=ada"
    flows.provider.answer_next("/access", 200, access, FORM)
    browser = flows.browser()
    out = flows.leave(browser, flows.link())
    assert out == f"{flows.provider.url}/agree?oauth_token=request-1&scope=read"
    [flow] = flows.flows()
    assert (flow.kind, flow.state_digest) == ("oauth1", digest("request-1"))
    assert b"r-secret" not in (flow.sealed or b"")
    back = f"/oauth/old-provider/{app_id}/callback?oauth_token=request-1&oauth_verifier=v-1"
    assert_page(flows.browser().get(back), "browser_unknown")
    assert browser.get(back).status_code == 200
    [connection] = flows.connections()
    assert (connection.way, connection.account_id, connection.account_label) == ("oauth1", "42", "ada")
    assert flows.secrets(connection) == {"access_token": "access-1", "token_secret": "a-secret"}
    assert_page(browser.get(back), "state_used")
    assert len(flows.provider.at("/access")) == 1


def test_a_person_who_says_no_ends_the_flow(flows: FlowsUnderTest) -> None:
    app_id = with_oauth1(flows)
    browser = flows.browser()
    flows.leave(browser, flows.link())
    back = f"/oauth/old-provider/{app_id}/callback?denied=request-1"
    assert_page(browser.get(back), "access_denied", 403)
    [flow] = flows.flows()
    assert (flow.outcome, flow.sealed) == ("access_denied", None)
    assert flows.provider.at("/access") == []
    assert_page(browser.get(back), "state_used")


def test_a_callback_that_nobody_confirms_is_not_waited_for(flows: FlowsUnderTest) -> None:
    with_oauth1(flows)
    flows.provider.answer_next("/request", 200, REQUEST.replace(b"true", b"false"), FORM)
    flows.leave(flows.browser(), flows.link())
    assert_page(flows.browser().get(flows.link()), "provider_answer_invalid", 502)
