"""How much work a stranger's bytes may cause before anything has proved authentic."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from gateway.providers import catalogue
from gateway.webhooks.verification import Credentials, InboundRequest, Verdict, judge
from gateway.webhooks.verification.compression import MAX_INFLATED_BYTES, inflated
from gateway.webhooks.verification.reading import MAX_GREETING_BYTES

URL = "https://gw.example.com/webhooks/x"
SECRET = "a-secret-of-thirty-two-characters"
CHALLENGE = b'{"challenge":"c"}'
FORM = ("Content-Type", "application/x-www-form-urlencoded")


def monday(body: bytes, *, token: str | None = None) -> Verdict:
    headers = [("Authorization", token)] if token else []
    return judge(
        catalogue()["monday"], InboundRequest("POST", URL, headers, body), Credentials(secrets=[SECRET]), now=0.0
    )


def test_a_challenge_is_read_plain() -> None:
    assert monday(CHALLENGE).handshake is not None
    verdict = monday(gzip.compress(CHALLENGE))
    assert (verdict.handshake, verdict.reason) == (None, "signature_missing")


def test_a_bomb_is_not_inflated_for_a_stranger() -> None:
    bomb = gzip.compress(b"[" + b"[]," * 5_000_000 + b"1]")
    tracemalloc.start()
    try:
        verdict = monday(bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (verdict.accepted, verdict.handshake) == (False, None)
    assert peak < 1024 * 1024


def test_a_compressed_event_is_read_once_it_has_proved_authentic() -> None:
    token = jwt.encode({"alg": "HS256"}, {}, OctKey.import_key(SECRET))
    for event in (b'{"event":{"type":"t"}}', b'{"event":{"type":"t"},"x":"' + b"x" * MAX_GREETING_BYTES + b'"}'):
        for body in (event, gzip.compress(event)):
            verdict = monday(body, token=token)
            assert (verdict.accepted, verdict.event_type) == (True, "t")


@pytest.mark.parametrize(("excess", "is_greeting"), [(0, True), (1, False)])
def test_a_greeting_is_small(excess: int, *, is_greeting: bool) -> None:
    body = CHALLENGE + b" " * (MAX_GREETING_BYTES - len(CHALLENGE) + excess)
    assert (monday(body).handshake is not None) is is_greeting
    form = b"webhook_id=1&x=".ljust(MAX_GREETING_BYTES + excess, b"x")
    request = InboundRequest("POST", URL, [FORM], form)
    verdict = judge(catalogue()["woocommerce"], request, Credentials(secrets=["s"]), now=0.0)
    assert (verdict.handshake is not None) is is_greeting


def test_inflating_has_a_bound() -> None:
    assert inflated(gzip.compress(b"x" * MAX_INFLATED_BYTES)) is not None
    assert inflated(gzip.compress(b"x" * (MAX_INFLATED_BYTES + 1))) is None
    assert MAX_INFLATED_BYTES <= 20 * 1024 * 1024
