"""Device codes (RFC 8628): what providers answer, and how often they are asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import pytest

from gateway.oauth.protocol.device import GRANT_TYPE, DeviceLogin, begin, poll
from gateway.oauth.protocol.errors import ProviderAnswerInvalid, ProviderError, ProviderRefused, ProviderUnavailable
from gateway.oauth.protocol.http import HttpAnswer
from gateway.oauth.protocol.values import Endpoints, Tokens
from tests.services.for_each import for_each_row
from tests.services.oauth_apps import Answers, app_of, as_json

DEVICE, TOKEN = "https://github.com/login/device/code", "https://github.com/login/oauth/access_token"
HERE = Endpoints(token=TOKEN, device=DEVICE)
GIVEN: dict[str, Any] = {
    "device_code": "3584d83530557fdd1f46af8289938c8ef79f9dc5",
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://github.com/login/device",
    "expires_in": 900,
    "interval": 5,
}
LOGIN = DeviceLogin(
    device_code="d3vice", user_code="A", address="https://x.example", expires_at_us=900_000_000, interval_seconds=5
)


def begun(answer: object, scopes: tuple[str, ...] = ("repo", "user")) -> tuple[DeviceLogin, dict[str, str]]:
    answers = Answers({DEVICE: answer})
    login = begin(app_of("github"), HERE, answers, scopes=scopes, now_us=0)
    return login, dict(parse_qsl((answers.asked[0].body or b"").decode()))


def polled(answer: object, login: DeviceLogin = LOGIN, now_us: int = 0) -> Tokens | DeviceLogin:
    return poll(app_of("github"), HERE, Answers({TOKEN: answer}), login, now_us=now_us)


def test_a_code_for_the_person() -> None:
    login, sent = begun(GIVEN)
    assert (login.user_code, login.address, login.whole_address) == ("WDJB-MJHT", GIVEN["verification_uri"], None)
    assert (login.expires_at_us, login.interval_seconds) == (900_000_000, 5)
    assert (sent["client_id"], sent["scope"]) == ("client-1", "repo user")
    assert GIVEN["device_code"] not in repr(login)


def test_google_s_older_name_of_the_address() -> None:
    given = {name: value for name, value in GIVEN.items() if name != "verification_uri"}
    login, _ = begun({**given, "verification_url": "https://www.google.com/device"})
    assert login.address == "https://www.google.com/device"


def test_what_is_missing_or_odd_has_the_standard_s_value() -> None:
    whole = "https://github.com/login/device?user_code=WDJB-MJHT"
    login, _ = begun({**GIVEN, "interval": None, "expires_in": "1800", "verification_uri_complete": whole})
    assert (login.interval_seconds, login.expires_at_us, login.whole_address) == (5, 1_800_000_000, whole)
    login, _ = begun({**GIVEN, "interval": 10**12, "expires_in": 10**12, "verification_uri_complete": "javascript:1"})
    assert (login.interval_seconds, login.expires_at_us, login.whole_address) == (60, 3_600_000_000, None)
    assert begun({**GIVEN, "interval": 0.2})[0].interval_seconds == 1


@for_each_row(
    ("answer", "error"),
    [
        (as_json({"error": "device_flow_disabled"}), ProviderRefused),
        (as_json({"error": "invalid_client"}, 401), ProviderRefused),
        (HttpAnswer(503, {}, b""), ProviderUnavailable),
        (HttpAnswer(200, {}, b"<html>"), ProviderAnswerInvalid),
        ({**GIVEN, "device_code": None}, ProviderAnswerInvalid),
        ({**GIVEN, "user_code": "a\x1b[2J"}, ProviderAnswerInvalid),
        ({**GIVEN, "user_code": "a" * 65}, ProviderAnswerInvalid),
        ({**GIVEN, "verification_uri": "http://github.com/login"}, ProviderAnswerInvalid),
        ({**GIVEN, "verification_uri": "javascript:alert(1)"}, ProviderAnswerInvalid),
        ({**GIVEN, "verification_uri": "https://github.com/\x1b[2J"}, ProviderAnswerInvalid),
        ({**GIVEN, "expires_in": 0}, ProviderAnswerInvalid),
        ({**GIVEN, "expires_in": float("nan")}, ProviderAnswerInvalid),
        ({**GIVEN, "expires_in": True}, ProviderAnswerInvalid),
    ],
)
def test_what_is_no_code(answer: object, error: type[ProviderError]) -> None:
    with pytest.raises(error):
        begun(answer)


def test_nobody_is_asked_where_there_is_no_such_endpoint() -> None:
    with pytest.raises(ProviderAnswerInvalid, match="names no endpoint for devices"):
        begin(app_of("github"), replace(HERE, device=None), Answers(), scopes=(), now_us=0)


def test_tokens_once_the_person_agreed() -> None:
    answers = Answers({TOKEN: {"access_token": "acc3ss", "token_type": "bearer", "scope": "repo,user"}})
    tokens = poll(app_of("github"), HERE, answers, LOGIN, now_us=0)
    assert isinstance(tokens, Tokens)
    assert (tokens.access_token, tokens.scopes) == ("acc3ss", ("repo", "user"))
    sent = dict(parse_qsl((answers.asked[0].body or b"").decode()))
    assert (sent["grant_type"], sent["device_code"]) == (GRANT_TYPE, "d3vice")


@for_each_row(
    ("answer", "seconds"),
    [
        # GitHub tells errors in answers of status 200.
        (as_json({"error": "authorization_pending"}), 5),
        (as_json({"error": "authorization_pending"}, 400), 5),
        (as_json({"error": "slow_down"}, 400), 10),
        (HttpAnswer(503, {}, b""), 10),
        (ProviderUnavailable("no answer"), 10),
    ],
)
def test_until_then_it_is_asked_again_and_more_slowly_where_that_is_wanted(answer: object, seconds: int) -> None:
    assert polled(answer) == replace(LOGIN, interval_seconds=seconds)


def test_it_never_asks_more_seldom_than_every_minute() -> None:
    slow = replace(LOGIN, interval_seconds=58)
    assert polled(as_json({"error": "slow_down"}, 400), slow) == replace(LOGIN, interval_seconds=60)


@for_each_row("error", ["expired_token", "access_denied", "invalid_grant"])
def test_what_ends_it(error: str) -> None:
    with pytest.raises(ProviderRefused) as refused:
        polled(as_json({"error": error}, 400))
    assert refused.value.error == error


def test_after_its_time_nobody_is_asked() -> None:
    answers = Answers()
    with pytest.raises(ProviderRefused, match="expired_token"):
        poll(app_of("github"), HERE, answers, LOGIN, now_us=LOGIN.expires_at_us)
    assert not answers.asked
