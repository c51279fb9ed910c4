"""Where requests go: by the entry, by metadata, and never where metadata of somebody else say."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import FakeClock
from gateway.oauth.protocol.documents import AWAY_SECONDS, KEPT_SECONDS, LIMIT, MAX_BYTES, MAX_PARTS, Documents
from gateway.oauth.protocol.endpoints import endpoints
from gateway.oauth.protocol.errors import ProviderAnswerInvalid, ProviderUnavailable
from gateway.oauth.protocol.http import HttpAnswer, HttpRequest
from gateway.oauth.protocol.names import at_start, with_kept
from gateway.oauth.protocol.values import App
from gateway.providers.oauth.parts import Pushed
from tests.services.for_each import for_each_row
from tests.services.oauth_apps import GATEWAY_URL, Answers, app_of, as_json, section

ISSUER = "https://id.example.org/realm"
METADATA_URL = f"{ISSUER}/.well-known/openid-configuration"
METADATA: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth?p=policy",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/keys",
    "userinfo_endpoint": f"{ISSUER}/me",
    "revocation_endpoint": f"{ISSUER}/revoke",
    "introspection_endpoint": f"{ISSUER}/introspect",
    "device_authorization_endpoint": f"{ISSUER}/device",
    "pushed_authorization_request_endpoint": f"{ISSUER}/par",
}


def oidc(**changes: Any) -> App:
    return app_of("oidc", **changes)


def found(app: App, **metadata: Any) -> Any:
    document = {name: value for name, value in (METADATA | metadata).items() if value is not None}
    return endpoints(app, Answers({METADATA_URL: document}), FakeClock())


def test_an_entry_says_it_all() -> None:
    answers = Answers()
    made = endpoints(app_of("github"), answers, FakeClock())
    assert (made.authorize, made.token) == (
        "https://github.com/login/oauth/authorize",
        "https://github.com/login/oauth/access_token",
    )
    assert made.device == "https://github.com/login/device/code"
    assert made.revoke == "https://api.github.com/applications/client-1/grant"
    assert (made.issuer, made.jwks, made.userinfo, made.pushed) == (None, None, None, None)
    assert not answers.asked


def test_metadata_say_it_all() -> None:
    made = found(oidc(), authorization_response_iss_parameter_supported=True, scopes_supported=["openid"])
    assert made.issuer == ISSUER
    assert (made.authorize, made.token, made.jwks) == (f"{ISSUER}/auth?p=policy", f"{ISSUER}/token", f"{ISSUER}/keys")
    assert (made.userinfo, made.revoke, made.device) == (f"{ISSUER}/me", f"{ISSUER}/revoke", f"{ISSUER}/device")
    assert (made.sends_iss, made.scopes, made.algorithms) == (True, ("openid",), ("RS256",))


def test_what_metadata_say_wins_over_the_entry() -> None:
    base = "https://server.example.org/path"
    document = {"issuer": base, "token_endpoint": "https://tokens.example.org/t"}
    answers = Answers({f"{base}/.well-known/openid-configuration": document})
    made = endpoints(app_of("gitlab", parameters={"base": base}), answers, FakeClock())
    assert (made.token, made.authorize) == ("https://tokens.example.org/t", f"{base}/oauth/authorize")


def test_requests_are_pushed_where_the_entry_or_the_server_insists() -> None:
    assert found(oidc()).pushed is None
    assert found(oidc(), require_pushed_authorization_requests=True).pushed == f"{ISSUER}/par"
    generic = section("oidc")
    assert generic.authorize is not None
    pushing = replace(generic, authorize=replace(generic.authorize, pushed=Pushed()))
    assert found(oidc(oauth=pushing)).pushed == f"{ISSUER}/par"


@for_each_row(
    ("issuer", "is_taken"),
    [
        (ISSUER, True),
        (f"{ISSUER}/", True),
        ("https://id.example.org", False),
        ("https://evil.example/realm", False),
        ("http://id.example.org/realm", False),
        ("", False),
        (None, False),
        (7, False),
    ],
)
def test_metadata_of_another_issuer_are_refused(issuer: object, is_taken: bool) -> None:
    if is_taken:
        assert found(oidc(), issuer=issuer).issuer == issuer
        return
    with pytest.raises(ProviderAnswerInvalid, match=r"name no issuer|those of another issuer"):
        found(oidc(), issuer=issuer)


def test_a_vendor_s_own_host_may_name_a_tenant_that_nobody_typed() -> None:
    url = "https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration"
    issuer = "https://login.microsoftonline.com/{tenantid}/v2.0"
    microsoft = app_of("microsoft-graph")
    assert endpoints(microsoft, Answers({url: {"issuer": issuer}}), FakeClock()).issuer == issuer
    with pytest.raises(ProviderAnswerInvalid, match="another issuer"):
        endpoints(microsoft, Answers({url: {"issuer": "https://login.evil.example/v2.0"}}), FakeClock())
    for other in ("https://login.microsoftonline.com.evil.example/", "https://login.microsoftonline.com@evil.example/"):
        with pytest.raises(ProviderAnswerInvalid, match="another issuer"):
            endpoints(microsoft, Answers({url: {"issuer": other}}), FakeClock())


def test_an_entry_s_own_word_for_the_issuer_decides() -> None:
    generic = section("oidc")
    named = replace(generic, issuer=replace(generic.issuer, value="https://other.example.org"))
    assert found(oidc(oauth=named), issuer="https://other.example.org").issuer == "https://other.example.org"
    with pytest.raises(ProviderAnswerInvalid, match="another issuer"):
        found(oidc(oauth=named))


@for_each_row(
    ("endpoint", "fault"),
    [
        ("http://id.example.org/token", "must begin with https://"),
        ("https://ann@id.example.org/token", "has no user name"),
        ("https://id.example.org/token#x", "is no URL"),
        ("https://id.example.org\\@evil.example/", "is no URL"),
        ("javascript:alert(1)", "is no URL"),
        ({"url": "x"}, "is no URL"),
        ("", "is no URL"),
    ],
)
def test_an_endpoint_that_is_no_https_url_is_refused(endpoint: object, fault: str) -> None:
    with pytest.raises(ProviderAnswerInvalid, match=f"token_endpoint {fault}"):
        found(oidc(), token_endpoint=endpoint)


def test_a_loopback_host_may_do_without_tls() -> None:
    assert found(oidc(), token_endpoint="http://127.0.0.1:9/t").token == "http://127.0.0.1:9/t"


@for_each_row(
    ("secrets", "offered", "chosen"),
    [
        ({"client_secret": "s"}, None, "client_secret_basic"),
        ({"client_secret": "s"}, ["client_secret_post"], "client_secret_post"),
        ({"client_secret": "s"}, ["none", "client_secret_post", "client_secret_basic"], "client_secret_basic"),
        ({"private_key": "k"}, ["client_secret_basic", "private_key_jwt"], "private_key_jwt"),
        ({}, ["client_secret_basic"], "none"),
        ({"client_secret": "s"}, ["tls_client_auth"], None),
        ({"private_key": "k"}, ["client_secret_basic"], None),
    ],
)
def test_the_way_of_client_authentication(
    secrets: dict[str, str], offered: list[str] | None, chosen: str | None
) -> None:
    app = oidc(secrets=secrets)
    if chosen is not None:
        assert found(app, token_endpoint_auth_methods_supported=offered).token_authentication == chosen
        return
    with pytest.raises(ProviderAnswerInvalid, match=r"no way of client authentication .* they offer "):
        found(app, token_endpoint_auth_methods_supported=offered)


def test_shared_secrets_and_none_sign_no_id_tokens() -> None:
    offered = ["none", "HS256", "ES256", "RS256"]
    assert found(oidc(), id_token_signing_alg_values_supported=offered).algorithms == ("RS256", "ES256")
    assert found(oidc(), id_token_signing_alg_values_supported=["HS256"]).algorithms == ()


@for_each_row(
    ("answer", "error"),
    [
        (HttpAnswer(200, {}, b"<html>"), ProviderAnswerInvalid),
        (HttpAnswer(200, {}, b"[" * 100_000), ProviderAnswerInvalid),
        (HttpAnswer(200, {}, b"\xff\xfe"), ProviderAnswerInvalid),
        (HttpAnswer(200, {}, b"[]"), ProviderAnswerInvalid),
        (HttpAnswer(200, {}, b"{}" + b" " * MAX_BYTES), ProviderAnswerInvalid),
        (HttpAnswer(404, {}, b"{}"), ProviderAnswerInvalid),
        (HttpAnswer(503, {}, b"{}"), ProviderUnavailable),
        (HttpAnswer(429, {}, b"{}"), ProviderUnavailable),
        (ProviderUnavailable("id.example.org: no answer"), ProviderUnavailable),
    ],
)
def test_what_is_no_metadata(answer: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        endpoints(oidc(), Answers({METADATA_URL: answer}), FakeClock())


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from([ISSUER, "https://[", "none"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
METADATA_KEYS = (*METADATA, "id_token_signing_alg_values_supported", "token_endpoint_auth_methods_supported")


@given(st.dictionaries(st.sampled_from(METADATA_KEYS), JSON_VALUES))
def test_whatever_metadata_say_there_are_endpoints_or_a_reason(said: dict[str, Any]) -> None:
    for provider in ("oidc", "microsoft-graph", "gitlab"):
        app = app_of(provider)
        answers = Answers()
        answers.send = lambda request: as_json(METADATA | said)  # type: ignore[method-assign]
        with suppress(ProviderAnswerInvalid):
            assert endpoints(app, answers, FakeClock()).token.startswith("https://")


def test_metadata_are_kept_for_an_hour_and_longer_while_the_provider_is_away() -> None:
    answers, clock = Answers({METADATA_URL: METADATA}), FakeClock()
    for _ in range(3):
        endpoints(oidc(), answers, clock)
    assert len(answers.asked) == 1
    clock.advance(KEPT_SECONDS + 1)
    answers.found[METADATA_URL] = HttpAnswer(503, {}, b"")
    for _ in range(3):
        # Nobody waits for it each time.
        assert endpoints(oidc(), answers, clock).token == f"{ISSUER}/token"
    assert len(answers.asked) == 2
    clock.advance(AWAY_SECONDS + 1)
    answers.found[METADATA_URL] = METADATA | {"token_endpoint": f"{ISSUER}/token2"}
    assert endpoints(oidc(), answers, clock).token == f"{ISSUER}/token2"
    assert len(answers.asked) == 3


def test_as_many_documents_are_kept_as_may_be() -> None:
    answers = Answers({f"https://id.example.org/{number}": {} for number in range(LIMIT + 1)})
    documents = Documents(answers, FakeClock())
    for url in answers.found:
        documents.get(url)
    documents.get(f"https://id.example.org/{LIMIT}")
    assert len(answers.asked) == LIMIT + 1
    documents.get("https://id.example.org/0")
    assert len(answers.asked) == LIMIT + 2


def test_no_document_takes_many_times_the_memory_that_it_has_as_text() -> None:
    url = "https://id.example.org/keys"
    for small in ([[]], [{}], [0]):
        answers = Answers({url: {"keys": small * (MAX_PARTS + 1)}})
        with pytest.raises(ProviderAnswerInvalid, match="parts"):
            Documents(answers, FakeClock()).get(url)
    assert Documents(Answers({url: {"keys": [{}] * (MAX_PARTS // 3)}}), FakeClock()).get(url)


def test_many_at_once_ask_once() -> None:
    start, go = threading.Barrier(9), threading.Event()

    def slow(request: HttpRequest) -> HttpAnswer:
        assert go.wait(10)
        return as_json({"asked": len(answers.asked)})

    def ask() -> object:
        start.wait(10)
        return documents.get(METADATA_URL)

    answers = Answers({METADATA_URL: slow})
    documents = Documents(answers, FakeClock())
    with ThreadPoolExecutor(8) as threads:
        asking = [threads.submit(ask) for _ in range(8)]
        start.wait(10)
        go.set()
        assert [one.result(10) for one in asking] == [{"asked": 1}] * 8


def test_a_failure_is_not_kept() -> None:
    answers = Answers({METADATA_URL: HttpAnswer(503, {}, b"")})
    documents = Documents(answers, FakeClock())
    with pytest.raises(ProviderUnavailable):
        documents.get(METADATA_URL)
    answers.found[METADATA_URL] = {"n": 1}
    assert documents.get(METADATA_URL) == {"n": 1}


def test_what_is_told_as_the_redirect_uri() -> None:
    assert at_start(app_of("github"))["redirect_uri"] == f"{GATEWAY_URL}/oauth/github/callback"
    assert at_start(app_of("ebay"))["redirect_uri"] == "Acme-RuName"
    assert "s3cret" not in json.dumps(at_start(app_of("ebay")))


def test_what_a_callback_puts_in_a_parameter_s_place_leads_on() -> None:
    zoho, kept = app_of("zoho"), {"accounts_server": "https://accounts.zoho.eu", "location": "eu"}
    assert endpoints(zoho, Answers(), FakeClock()).token == "https://accounts.zoho.com/oauth/v2/token"
    assert endpoints(zoho, Answers(), FakeClock(), kept=kept).token == "https://accounts.zoho.eu/oauth/v2/token"
    assert with_kept(zoho, kept).parameters == {"accounts": "https://accounts.zoho.eu"}
    assert with_kept(zoho, {}) is zoho
