"""The URL to which a person is sent: of every entry, and of those that want something of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from gateway.clock import FakeClock
from gateway.oauth.protocol.authorization import authorization_url, challenge, new_verifier
from gateway.oauth.protocol.endpoints import endpoints
from gateway.oauth.protocol.errors import ProviderAnswerInvalid
from gateway.oauth.protocol.scopes import asked_for
from gateway.oauth.protocol.values import App, Endpoints
from gateway.providers import catalogue
from gateway.strict_yaml import load_strictly
from tests.services.for_each import for_each
from tests.services.oauth_apps import Answers, app_of, section

EXPECTED = load_strictly(Path("tests/fixtures/oauth_authorization_requests.yaml").read_text())
# RFC 7636, appendix B.
VERIFIER, CHALLENGE = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
HERE = Endpoints(token="https://id.example.org/token", authorize="https://id.example.org/authorize")


def asked(app: App, found: Endpoints, **changes: object) -> tuple[str, dict[str, str]]:
    """The request, divided; no parameter stands in it twice."""
    authorize = app.oauth.authorize
    assert authorize is not None
    verifier = VERIFIER if authorize.sends_pkce else None
    given = {
        "state": "STATE",
        "scopes": authorize.scopes,
        "verifier": verifier,
        "nonce": "NONCE",
        "now_us": 0,
        **changes,
    }
    url = authorization_url(app, found, Answers(), **given)  # type: ignore[arg-type]
    pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return url.partition("?")[0], dict(pairs)


@for_each(EXPECTED, str)
def test_the_request_of_every_entry_is_what_the_facts_say(provider: str) -> None:
    app = app_of(provider)
    issuer = "https://id.example.org/realm"
    if provider == "oidc":
        document = {"issuer": issuer, "authorization_endpoint": f"{issuer}/auth", "token_endpoint": f"{issuer}/token"}
        found = endpoints(app, Answers({f"{issuer}/.well-known/openid-configuration": document}), FakeClock())
    else:
        found = endpoints(replace(app, oauth=replace(app.oauth, discovery=None)), Answers(), FakeClock())
    usual = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": app.redirect_uri,
        "state": "STATE",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    expected = EXPECTED[provider]
    wanted = {name: value for name, value in usual.items() if name not in expected.get("without", ())}
    assert asked(app, found) == (expected["url"], wanted | expected.get("query", {}))


def test_there_is_a_request_for_everybody_who_is_asked_in_a_browser() -> None:
    assert EXPECTED.keys() == {
        name for name, one in catalogue().items() if one.oauth is not None and one.oauth.authorize is not None
    }


def test_scopes_for_another_parameter_go_there() -> None:
    slack = app_of("slack")
    found = endpoints(slack, Answers(), FakeClock())
    scopes = ["chat:write", "user_scope=users:read", "channels:read", "user_scope=search:read"]
    _, query = asked(slack, found, scopes=scopes)
    assert (query["scope"], query["user_scope"]) == ("chat:write,channels:read", "users:read,search:read")
    hubspot = app_of("hubspot")
    _, query = asked(hubspot, endpoints(hubspot, Answers(), FakeClock()), scopes=["oauth", "optional_scope=tickets"])
    assert (query["scope"], query["optional_scope"]) == ("oauth", "tickets")
    _, query = asked(app_of("github"), HERE, scopes=["user_scope=odd"])
    assert query["scope"] == "user_scope=odd"


def test_what_a_refresh_token_needs_is_asked_for_once() -> None:
    google = app_of("google")
    _, query = asked(google, HERE, scopes=["openid"])
    assert (query["access_type"], query["prompt"]) == ("offline", "consent")
    needed = asked_for(section("x-twitter"), HERE, ["tweet.read", "offline.access", "tweet.read"])
    assert needed == ("tweet.read", "offline.access")
    assert asked_for(section("okta"), HERE, ["openid"]) == ("openid", "offline_access")


def test_a_scope_that_the_server_does_not_list_is_not_added_but_may_be_asked_for() -> None:
    listed = replace(HERE, scopes=("openid", "email"))
    assert asked_for(section("oidc"), listed, ["openid"]) == ("openid",)
    assert asked_for(section("oidc"), listed, ["openid", "offline_access"]) == ("openid", "offline_access")


def test_one_login_may_say_more_but_not_move_what_the_flow_stands_on() -> None:
    extra = {"login_hint": "ann@example.org", "state": "forged", "redirect_uri": "https://evil.example", "scope": "all"}
    _, query = asked(app_of("github"), HERE, extra=extra)
    assert query["login_hint"] == "ann@example.org"
    assert (query["state"], query["scope"]) == ("STATE", "read:user")
    assert query["redirect_uri"] == app_of("github").redirect_uri
    _, query = asked(app_of("google"), HERE, extra={"prompt": "select_account consent"})
    assert query["prompt"] == "select_account consent"


def test_without_a_verifier_an_openid_scope_or_scopes_nothing_is_sent_of_them() -> None:
    _, query = asked(app_of("github"), HERE, verifier=None, scopes=[])
    assert query.keys() == {"response_type", "client_id", "redirect_uri", "state"}
    _, query = asked(app_of("google"), HERE, nonce=None)
    assert "nonce" not in query


def test_a_url_with_a_query_of_its_own_keeps_it() -> None:
    url, query = asked(app_of("github"), replace(HERE, authorize="https://id.example.org/a?p=policy"), state="a b&c")
    assert (url, query["p"], query["state"]) == ("https://id.example.org/a", "policy", "a b&c")


def test_nobody_is_sent_to_a_provider_without_that_endpoint() -> None:
    with pytest.raises(ProviderAnswerInvalid, match="names no authorization endpoint"):
        asked(app_of("github"), replace(HERE, authorize=None))


def test_the_challenge_is_that_of_the_standard_and_no_verifier_comes_twice() -> None:
    assert challenge(VERIFIER) == CHALLENGE
    assert len({new_verifier() for _ in range(100)}) == 100
    assert {len(new_verifier()) for _ in range(10)} == {43}
