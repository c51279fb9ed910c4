"""Samples are signed by code of their own, and the verification engine takes every one: two witnesses that agree."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gateway.errors import InvalidInput, NotFound
from gateway.providers import catalogue
from gateway.webhooks.samples.library import content_type, sample_bodies, sample_body
from gateway.webhooks.samples.signing import SIGNERS, UNSIGNABLE, Message, sign
from gateway.webhooks.verification import Credentials, InboundRequest, judge

NOW = 1_795_171_821
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SCHEMES = {
    "github": ("sha256", "sha1_legacy"),
    "gitlab": ("secret_token", "signing_token"),
    "standard-webhooks": ("default",),
    "generic": ("hmac", "unsigned"),
}
CASES = [
    (provider, scheme, event_type)
    for provider in SIGNERS
    for scheme in SCHEMES.get(provider, (None,))
    for event_type in sample_bodies(provider)
]


def _message(provider: str, scheme: str | None, event_type: str, options: Mapping[str, str]) -> Message:
    return Message(
        type=event_type,
        unique_id="0b7f7d9e-5a0a-4c59-9d5c-2f3d6a0f6f11",
        url=f"https://gw.example.com/webhooks/{provider}",
        body=sample_body(provider, event_type, unique_id="0b7f7d9e", now_seconds=NOW),
        now_seconds=NOW,
        scheme=scheme,
        secret=WHSEC,
        options=options,
    )


def _judge(provider: str, message: Message, secret: str = WHSEC, options: Mapping[str, str] = {}) -> object:
    headers = [("Content-Type", content_type(provider)), *sign(provider, message)]
    request = InboundRequest(method="POST", url=message.url, headers=headers, body=message.body)
    credentials = Credentials(secrets=[secret], options=options)
    return judge(catalogue()[provider], request, credentials, now=float(NOW), scheme=message.scheme)


@pytest.mark.parametrize(("provider", "scheme", "event_type"), CASES)
def test_the_engine_takes_every_sample(provider: str, scheme: str | None, event_type: str) -> None:
    options = {"verify_token": "x"} if provider == "meta" else {}
    message = _message(provider, scheme, event_type, options)
    verdict = _judge(provider, message, options=options)
    assert verdict.accepted, verdict.reason
    assert (verdict.event_type or verdict.events[0].type) == event_type
    if scheme != "unsigned":
        assert not _judge(provider, message, "whsec_" + "A" * 32, options).accepted


def test_generic_follows_the_options() -> None:
    options = {
        "header": "X-Sig",
        "hash": "sha512",
        "encoding": "base64",
        "prefix": "v9=",
        "event_type_header": "X-Kind",
    }
    message = _message("generic", "hmac", "order.created", options)
    assert dict(sign("generic", message))["X-Sig"].startswith("v9=")
    assert _judge("generic", message, options=options).event_type == "order.created"


def test_samples_are_new_every_time() -> None:
    first, second = (sample_body("stripe", "charge.refunded", unique_id=text, now_seconds=NOW) for text in ("a", "b"))
    assert first != second
    assert b'"created":1795171821' in first


@pytest.mark.parametrize("provider", UNSIGNABLE)
def test_what_cannot_be_signed_is_said(provider: str) -> None:
    with pytest.raises(InvalidInput, match="private key"):
        sign(provider, _message("github", None, "push", {}))


def test_a_sample_that_is_not_there() -> None:
    with pytest.raises(NotFound, match="pull_request, push, issues"):
        sample_body("github", "nope", unique_id="x", now_seconds=NOW)
    assert sample_bodies("../github") == {}
