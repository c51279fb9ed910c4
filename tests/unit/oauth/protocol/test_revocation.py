"""Ending grants at providers: each style, in the order that ends most, and what their answers mean."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.oauth.protocol.calls import NOTHING
from gateway.oauth.protocol.errors import ProviderRefused, ProviderUnavailable
from gateway.oauth.protocol.http import HttpAnswer, HttpRequest
from gateway.oauth.protocol.revocation import revoke
from gateway.oauth.protocol.values import Endpoints
from tests.services.for_each import for_each_row
from tests.services.oauth_apps import Answers, app_of, as_json

NOW_US = 1_790_000_000_000_000
BASIC = "Basic Y2xpZW50LTE6czNjcmV0"
BOTH = {"access_token": "AT", "refresh_token": "RT"}
GONE = HttpAnswer(200, {}, b"")
HERE = "https://id.example.org/revoke"


class Provider(Answers):
    """Gives its answers one after the other, the last one for ever."""

    def __init__(self, *answers: HttpAnswer) -> None:
        super().__init__()
        self.answers = list(answers) or [GONE]

    def send(self, request: HttpRequest) -> HttpAnswer:
        self.asked.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def ended(provider: str, http: Provider, secrets: dict[str, str] = BOTH, account_id: str | None = "7") -> bool:
    app = app_of(provider)
    there = Endpoints(
        token="https://id.example.org/token",
        revoke=HERE,
        token_authentication=app.oauth.token.authentication.replace("discovered", "client_secret_basic"),
    )
    return revoke(app, there, http, secrets=secrets, kept=NOTHING, account_id=account_id, now_us=NOW_US)


def told(provider: str, secrets: dict[str, str] = BOTH) -> list[tuple[str, str | None, str]]:
    """Each request: the method and the URL, how it is authorized, the body."""
    http = Provider()
    assert ended(provider, http, secrets)
    return [
        (f"{one.method} {one.url}", dict(one.headers).get("Authorization"), (one.body or b"").decode())
        for one in http.asked
    ]


POSTED = "client_id=client-1&client_secret=s3cret"


@for_each_row(
    ("provider", "expected"),
    [
        (
            "x-twitter",
            [
                ("POST https://api.x.com/2/oauth2/revoke", BASIC, "token=RT&token_type_hint=refresh_token"),
                ("POST https://api.x.com/2/oauth2/revoke", BASIC, "token=AT&token_type_hint=access_token"),
            ],
        ),
        (
            "oidc",
            [
                (f"POST {HERE}", BASIC, "token=RT&token_type_hint=refresh_token"),
                (f"POST {HERE}", BASIC, "token=AT&token_type_hint=access_token"),
            ],
        ),
        (
            "google",
            [
                ("POST https://oauth2.googleapis.com/revoke", None, "token=RT"),
                ("POST https://oauth2.googleapis.com/revoke", None, "token=AT"),
            ],
        ),
        (
            "twitch",
            [
                ("POST https://id.twitch.tv/oauth2/revoke", None, "token=RT&client_id=client-1"),
                ("POST https://id.twitch.tv/oauth2/revoke", None, "token=AT&client_id=client-1"),
            ],
        ),
        (
            "box",
            [
                ("POST https://api.box.com/oauth2/revoke", None, f"token=RT&{POSTED}"),
                ("POST https://api.box.com/oauth2/revoke", None, f"token=AT&{POSTED}"),
            ],
        ),
        ("dropbox", [("POST https://api.dropboxapi.com/2/auth/token/revoke", "Bearer AT", "")]),
        ("meta", [("DELETE https://graph.facebook.com/v22.0/7/permissions", "Bearer AT", "")]),
        (
            "notion",
            [
                ("POST https://api.notion.com/v1/oauth/revoke", BASIC, '{"token":"RT"}'),
                ("POST https://api.notion.com/v1/oauth/revoke", BASIC, '{"token":"AT"}'),
            ],
        ),
        ("github", [("DELETE https://api.github.com/applications/client-1/grant", BASIC, '{"access_token":"AT"}')]),
        (
            "square",
            [
                (
                    "POST https://connect.squareup.com/oauth2/revoke",
                    "Client s3cret",
                    '{"client_id":"client-1","access_token":"AT"}',
                )
            ],
        ),
        (
            "stripe",
            [
                (
                    "POST https://connect.stripe.com/oauth/deauthorize",
                    None,
                    "client_id=client-1&stripe_user_id=7&client_secret=s3cret",
                )
            ],
        ),
        (
            "tiktok",
            [
                (
                    "POST https://open.tiktokapis.com/v2/oauth/revoke/",
                    None,
                    f"token={one}&token_type_hint={hint}&client_key=client-1&client_secret=s3cret",
                )
                for one, hint in (("RT", "refresh_token"), ("AT", "access_token"))
            ],
        ),
    ],
)
def test_what_providers_are_told(provider: str, expected: list[tuple[str, str | None, str]]) -> None:
    assert told(provider) == expected


def test_a_second_token_ends_too() -> None:
    http = Provider(as_json({"ok": True, "revoked": True}))
    assert ended("slack", http, {"access_token": "xoxb", "second_access_token": "xoxp"})
    assert [dict(one.headers)["Authorization"] for one in http.asked] == ["Bearer xoxb", "Bearer xoxp"]


@pytest.mark.parametrize(
    ("provider", "secrets"),
    [("microsoft-graph", BOTH), ("asana", BOTH), ("google", {}), ("dropbox", {"refresh_token": "RT"}), ("github", {})],
)
def test_nobody_is_told_where_there_is_nobody_or_nothing_to_tell(provider: str, secrets: dict[str, str]) -> None:
    http = Provider()
    assert not ended(provider, http, secrets)
    assert http.asked == []


@pytest.mark.parametrize("provider", ["meta", "stripe"])
def test_an_account_that_is_not_known_cannot_be_named(provider: str) -> None:
    http = Provider()
    assert not ended(provider, http, account_id=None)
    assert http.asked == []


def test_an_issuer_without_an_endpoint() -> None:
    app, http = app_of("oidc"), Provider()
    there = Endpoints(token="https://id.example.org/token", token_authentication="client_secret_basic")
    assert not revoke(app, there, http, secrets=BOTH, kept=NOTHING, account_id=None, now_us=NOW_US)


@for_each_row(
    ("provider", "answer"),
    [
        ("google", as_json({"error": "invalid_token"}, 400)),
        ("discord", as_json({"error": "unsupported_token_type"}, 400)),
        ("dropbox", as_json({"error": {}}, 401)),
        ("github", as_json({"message": "Not Found"}, 404)),
        ("slack", as_json({"ok": False, "error": "token_revoked"})),
        ("home-assistant", HttpAnswer(200, {}, b"")),
        ("discord", HttpAnswer(200, {"content-type": "text/html"}, b"<html>")),
        ("gitlab", HttpAnswer(204, {}, b"")),
    ],
)
def test_what_is_gone_has_ended(provider: str, answer: HttpAnswer) -> None:
    assert ended(provider, Provider(answer), {"access_token": "AT"})


def test_where_the_token_says_who_calls_and_has_ended_another_one_does() -> None:
    http = Provider(as_json({}, 401), as_json({"access_token": "NEW"}), GONE)
    assert ended("dropbox", http)
    assert [one.url for one in http.asked] == [
        "https://api.dropboxapi.com/2/auth/token/revoke",
        "https://id.example.org/token",
        "https://api.dropboxapi.com/2/auth/token/revoke",
    ]
    assert dict(http.asked[2].headers)["Authorization"] == "Bearer NEW"
    assert ended("dropbox", Provider(as_json({}, 401), as_json({"error": "invalid_grant"}, 400)))
    with pytest.raises(ProviderUnavailable):
        ended("dropbox", Provider(as_json({}, 401), as_json({}, 503)))


@for_each_row(
    ("status", "said"), [(429, {}), (500, {"error": "invalid_token"}), (503, b""), (404, {"message": "no such page"})]
)
def test_what_is_worth_trying_again(status: int, said: Any) -> None:
    answer = HttpAnswer(status, {"retry-after": "9"}, b"") if isinstance(said, bytes) else as_json(said, status)
    with pytest.raises(ProviderUnavailable) as caught:
        ended("google", Provider(answer))
    assert caught.value.retry_after_seconds == (9 if status == 503 else None)


def test_a_client_that_is_refused_is_told() -> None:
    with pytest.raises(ProviderRefused) as caught:
        ended("discord", Provider(as_json({"error": "invalid_client", "error_description": "bad RT"}, 401)))
    assert caught.value.error == "invalid_client"
    assert "RT" not in str(caught.value)
    with pytest.raises(ProviderRefused):
        ended("slack", Provider(as_json({"ok": False, "error": "not_allowed_token_type"})))


def test_what_went_with_the_refresh_token_need_not_end_again() -> None:
    http = Provider(GONE, as_json({"error": "odd"}, 400))
    assert ended("google", http)
    assert len(http.asked) == 2
