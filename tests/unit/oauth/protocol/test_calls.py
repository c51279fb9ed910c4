"""Requests that entries have as templates: what goes along, and what never does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.oauth.protocol.calls import request_of, send_call
from gateway.oauth.protocol.errors import ProviderError
from gateway.oauth.protocol.http import HttpRequest
from gateway.oauth.protocol.known import known, known_of
from gateway.oauth.protocol.values import Endpoints, Tokens
from gateway.providers.oauth.parts import Call
from gateway.providers.oauth.soundness import calls
from tests.services.for_each import for_each_row
from tests.services.oauth_apps import Answers, app_of, as_json, section

THERE = Endpoints(token="https://id.example.org/token", token_authentication="client_secret_basic")
BASIC = "Basic Y2xpZW50LTE6czNjcmV0"
NOW_US = 1_790_000_000_000_000


def made(provider: str, key: str, kept: dict[str, str] | None = None, **options: Any) -> HttpRequest:
    """The request of an entry at `key`, once there is a token."""
    app = app_of(provider)
    call = next(call for name, _step, call in calls(section(provider)) if name == key)
    values = known(app, kept=kept or {}, secrets={"access_token": "AT", "refresh_token": "RT"}, account_id="7")
    values |= {"token": "AT", "token_type_hint": "access_token"}
    return request_of(app, call, THERE, values=values, now_us=NOW_US, **options)


@for_each_row(
    ("provider", "key", "expected"),
    [
        ("github", "account", ("GET https://api.github.com/user", "Authorization: Bearer AT")),
        (
            "dropbox",
            "account",
            ("POST https://api.dropboxapi.com/2/users/get_current_account", "Authorization: Bearer AT"),
        ),
        (
            "meta",
            "account",
            ("GET https://graph.facebook.com/v22.0/me?fields=id%2Cname%2Cemail", "Authorization: Bearer AT"),
        ),
        (
            "instagram",
            "after_exchange",
            (
                "GET https://graph.instagram.com/access_token?grant_type=ig_exchange_token"
                "&client_secret=s3cret&access_token=AT",
            ),
        ),
        ("mailchimp", "after_exchange", ("GET https://login.mailchimp.com/oauth2/metadata", "Authorization: OAuth AT")),
        (
            "twitch",
            "account",
            ("GET https://api.twitch.tv/helix/users", "Authorization: Bearer AT", "Client-Id: client-1"),
        ),
        (
            "etsy",
            "account.details",
            (
                "GET https://openapi.etsy.com/v3/application/users/7",
                "Authorization: Bearer AT",
                "x-api-key: client-1:s3cret",
            ),
        ),
        (
            "reddit",
            "account",
            (
                "GET https://oauth.reddit.com/api/v1/me",
                "Authorization: Bearer AT",
                "User-Agent: Acme (ops@acme.example)",
            ),
        ),
        (
            "todoist",
            "account",
            (
                "POST https://api.todoist.com/sync/v9/sync",
                "Authorization: Bearer AT",
                "Content-Type: application/x-www-form-urlencoded",
                "sync_token=%2A&resource_types=%5B%22user%22%5D",
            ),
        ),
        ("monday", "account", ("POST https://api.monday.com/v2", "Authorization: AT")),
        ("zoho", "account", ("GET https://accounts.zoho.com/oauth/user/info", "Authorization: Zoho-oauthtoken AT")),
        (
            "hubspot",
            "introspection",
            (
                "POST https://api.hubapi.com/oauth/2026-03/token/introspect",
                f"Authorization: {BASIC}",
                "Content-Type: application/x-www-form-urlencoded",
                "token=AT",
            ),
        ),
        (
            "github",
            "revoke",
            (
                "DELETE https://api.github.com/applications/client-1/grant",
                f"Authorization: {BASIC}",
                "Content-Type: application/json",
                '{"access_token":"AT"}',
            ),
        ),
    ],
)
def test_calls_of_entries(provider: str, key: str, expected: tuple[str, ...]) -> None:
    request = made(provider, key)
    headers = sorted(f"{name}: {value}" for name, value in request.headers)
    body = [request.body.decode()] if request.body is not None else []
    assert (f"{request.method} {request.url}", *headers, *body) == expected


def test_what_is_kept_is_in_urls_and_headers() -> None:
    kept = {
        "identity_url": "https://login.salesforce.com/id/00D1/0051",
        "instance_url": "https://acme.my.salesforce.com",
    }
    assert made("salesforce", "account.details", kept).url == kept["identity_url"]
    assert made("salesforce", "introspection", kept).url == f"{kept['instance_url']}/services/oauth2/introspect"
    with pytest.raises(ProviderError, match="identity_url"):
        made("salesforce", "account.details")


def test_a_call_without_a_url_goes_where_the_metadata_say() -> None:
    assert made("oidc", "account.details", endpoint="https://id.example.org/me").url == "https://id.example.org/me"
    with pytest.raises(ProviderError, match="no such endpoint"):
        made("oidc", "account.details")


def test_a_query_goes_into_the_body_as_it_is() -> None:
    send = section("linear").account
    assert send is not None
    request = made("linear", "account", fields={"query": send.send or ""})
    assert json.loads(request.body or b"") == {"query": "{ viewer { id email } organization { id name } }"}
    assert ("Content-Type", "application/json") in request.headers


def test_calls_of_oauth_1_are_signed() -> None:
    request = made("trello", "account", token_secret="TS")
    (header,) = [value for name, value in request.headers if name == "Authorization"]
    assert header.startswith("OAuth ")
    assert 'oauth_token="AT"' in header
    assert "oauth_signature=" in header
    assert "TS" not in header


def test_headers_of_the_call_go_before_those_of_the_api() -> None:
    app = app_of("reddit")
    call = Call(url="https://oauth.reddit.com/x", headers={"user-agent": "other"}, query={"raw_json": "1"})
    request = request_of(app, call, THERE, values=known(app, secrets={"access_token": "AT"}), now_us=NOW_US)
    assert dict(request.headers) == {"Authorization": "Bearer AT", "user-agent": "other"}


def test_a_get_says_who_is_calling_in_its_query() -> None:
    app = app_of("github")
    call = Call(url="https://id.example.org/x?a=b", authentication="client_secret_post")
    request = request_of(app, call, THERE, values=known(app), now_us=NOW_US)
    assert request.url == "https://id.example.org/x?a=b&client_id=client-1&client_secret=s3cret"
    assert "s3cret" not in repr(request)


def test_what_is_not_known_is_left_out_and_nobody_is_nobody() -> None:
    app = app_of("github")
    call = Call(
        url="https://id.example.org/x",
        method="POST",
        authentication="nobody",
        body={"a": "{redirect_uri}", "b": "{account_id}"},
        authorization=None,
        headers={"X-Account": "{account_id}"},
    )
    request = request_of(app, call, THERE, values=known(app), now_us=NOW_US)
    assert request.headers == (("Content-Type", "application/x-www-form-urlencoded"),)
    assert request.body == b"a=https%3A%2F%2Fgateway.example.org%2Foauth%2Fgithub%2Fcallback"


def test_a_call_is_sent_once() -> None:
    app, http = app_of("github"), Answers({"https://api.github.com/user": as_json({"id": 7})})
    call = section("github").check_call
    assert call is not None
    answer = send_call(app, call, THERE, http, values=known(app, secrets={"access_token": "AT"}), now_us=NOW_US)
    assert json.loads(answer.body) == {"id": 7}
    assert http.urls == ["https://api.github.com/user"]


def test_what_is_known_after_an_exchange() -> None:
    given = Tokens(
        access_token="AT", refresh_token="RT", kept={"team_id": "T1"}, secret_kept={"webhook_url": "https://h"}
    )
    values = known_of(app_of("slack"), given, kept={"other": "x"})
    assert (values["access_token"], values["refresh_token"], values["team_id"], values["webhook_url"]) == (
        "AT",
        "RT",
        "T1",
        "https://h",
    )
    stored = known(app_of("slack"), secrets={"kept.webhook_url": "https://h", "password": "no"})
    assert stored["webhook_url"] == "https://h"
    assert "no" not in stored.values()
