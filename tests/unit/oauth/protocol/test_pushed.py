"""Authorization requests that are pushed (RFC 9126)."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import parse_qsl

import pytest

from gateway.oauth.protocol.authorization import authorization_url
from gateway.oauth.protocol.errors import ProviderAnswerInvalid, ProviderError, ProviderRefused, ProviderUnavailable
from gateway.oauth.protocol.http import HttpAnswer
from gateway.oauth.protocol.values import Endpoints
from tests.services.for_each import for_each_row
from tests.services.oauth_apps import Answers, app_of, as_json

PAR = "https://id.example.org/par"
HERE = Endpoints(
    token="https://id.example.org/token",
    authorize="https://id.example.org/authorize?p=policy",
    pushed=PAR,
    token_authentication="client_secret_basic",
)


def pushed(answer: Any) -> tuple[str, Answers]:
    answers = Answers({PAR: answer})
    url = authorization_url(
        app_of("github"), HERE, answers, state="STATE", scopes=["read"], verifier="v" * 43, nonce=None, now_us=0
    )
    return url, answers


def test_the_browser_carries_a_reference_alone() -> None:
    url, answers = pushed(as_json({"request_uri": "urn:ietf:params:oauth:request_uri:6/c", "expires_in": 60}, 201))
    assert url == (
        "https://id.example.org/authorize?p=policy&client_id=client-1"
        "&request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3A6%2Fc"
    )
    request = answers.asked[0]
    sent = dict(parse_qsl((request.body or b"").decode()))
    assert (request.method, sent["state"], sent["scope"], sent["code_challenge_method"]) == (
        "POST",
        "STATE",
        "read",
        "S256",
    )
    assert dict(request.headers)["Authorization"] == f"Basic {base64.b64encode(b'client-1:s3cret').decode()}"


@for_each_row(
    ("answer", "error"),
    [
        (as_json({"error": "invalid_request", "error_description": "no s3cret"}, 400), ProviderRefused),
        (as_json({"error": "invalid_client"}, 401), ProviderRefused),
        (HttpAnswer(503, {}, b""), ProviderUnavailable),
        (HttpAnswer(429, {}, b""), ProviderUnavailable),
        (HttpAnswer(201, {}, b"<html>"), ProviderAnswerInvalid),
        (as_json({}, 201), ProviderAnswerInvalid),
        (as_json({"request_uri": ["urn:x"]}, 201), ProviderAnswerInvalid),
        (as_json({"request_uri": "urn:x\r\nSet-Cookie: a"}, 201), ProviderAnswerInvalid),
        (as_json({"request_uri": "x" * 3000}, 201), ProviderAnswerInvalid),
    ],
)
def test_an_answer_without_a_reference_sends_nobody_anywhere(answer: HttpAnswer, error: type[ProviderError]) -> None:
    with pytest.raises(error) as raised:
        pushed(answer)
    assert "s3cret" not in str(raised.value)
