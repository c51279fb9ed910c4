"""Standard Webhooks, signed by the specification's own library, and what attackers make of it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook

from gateway.providers import catalogue
from gateway.webhooks.verification import Credentials, InboundRequest, Verdict, judge

NOW = 1_795_171_821
SECRET = "whsec_" + base64.b64encode(bytes(range(24))).decode()
OLD_SECRET = "whsec_" + base64.b64encode(b"another secret of 24 byte").decode()
BODY = '{"type": "user.created", "data": {"name": "Zoë 🚀"}}'


def sign(message_id: str = "msg_1", at: int = NOW, body: str = BODY, secret: str = SECRET) -> str:
    return Webhook(secret).sign(message_id, datetime.fromtimestamp(at, UTC), body)


def send(
    signature: str,
    *,
    message_id: str = "msg_1",
    at: int | str = NOW,
    body: str = BODY,
    secrets: tuple[str, ...] = (SECRET,),
    scheme: str | None = None,
) -> Verdict:
    headers = [("webhook-id", message_id), ("webhook-timestamp", str(at)), ("webhook-signature", signature)]
    request = InboundRequest("POST", "https://gw.example.com/webhooks/sw", headers, body.encode())
    provider = catalogue()["standard-webhooks"]
    return judge(provider, request, Credentials(secrets=secrets), now=float(NOW), scheme=scheme)


def test_accepted() -> None:
    verdict = send(sign())
    assert verdict.accepted
    assert (verdict.event_type, verdict.event_id) == ("user.created", "msg_1")
    assert verdict.events == ()
    assert verdict.handshake is None


@pytest.mark.parametrize("body", ["", " ", "not json", "\x00", "[]", "null", '{"type": null}', "é" * 10_000])
def test_authentic_bodies_of_any_shape(body: str) -> None:
    verdict = send(sign(body=body), body=body)
    assert verdict.accepted
    assert verdict.event_type is None


def test_two_secrets_on_either_side() -> None:
    both = f"{sign(secret=OLD_SECRET)} {sign()}"
    assert send(both).accepted
    assert send(both, secrets=(OLD_SECRET,)).accepted
    assert send(sign(), secrets=(OLD_SECRET, SECRET)).accepted


def test_unknown_versions_are_skipped_even_when_repeated() -> None:
    assert send(f"v1a,AAAA v1a,BBBB v2,x v9 {sign()}").accepted
    verdict = send(sign().replace("v1,", "v2,"))
    assert (verdict.accepted, verdict.reason) == (False, "signature_malformed")


def test_signature_of_one_message_on_another() -> None:
    assert send(sign(), message_id="msg_2").reason == "signature_mismatch"
    assert send(sign(), at=NOW + 1).reason == "signature_mismatch"
    assert send(sign(), body=BODY + " ").reason == "signature_mismatch"


def test_age() -> None:
    assert send(sign(at=NOW - 300), at=NOW - 300).accepted
    stale = send(sign(at=NOW - 301), at=NOW - 301)
    assert (stale.reason, stale.event_id) == ("timestamp_out_of_tolerance", None)
    assert "301 s ago" in stale.detail
    assert send(sign(at=NOW + 301), at=NOW + 301).reason == "timestamp_out_of_tolerance"


def test_missing_parts() -> None:
    assert send(sign(), message_id="").reason == "signature_missing"
    assert send(sign(), at="").reason == "timestamp_missing"
    assert send("").reason == "signature_missing"


def test_secret_whose_padding_is_missing() -> None:
    assert send(sign(secret=OLD_SECRET), secrets=(OLD_SECRET.rstrip("="),)).accepted


@pytest.mark.parametrize(
    "secret",
    [
        SECRET + "\n",
        f'"{SECRET}"',
        "whsec_" + base64.b64encode(base64.b64encode(bytes(range(24)))).decode(),
        base64.b64decode(SECRET.removeprefix("whsec_")).hex(),
        "whsec_",
        "whsec_%%%",
        "\ud800",
    ],
)
def test_secrets_that_are_not_the_secret(secret: str) -> None:
    verdict = send(sign(), secrets=(secret,))
    assert (verdict.accepted, verdict.reason) == (False, "signature_mismatch")


def test_other_scheme_is_never_tried() -> None:
    assert send(sign(), scheme="v1a").reason == "signature_malformed"
    unknown = send(sign(), scheme="v2")
    assert (unknown.accepted, unknown.reason) == (False, "signature_malformed")
