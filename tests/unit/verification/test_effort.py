"""How much work a stranger's bytes may cause before anything has proved authentic."""

from __future__ import annotations

import gzip
import hmac
import json
import tracemalloc

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from gateway.content.compression import MAX_INFLATED_BYTES, inflated
from gateway.providers import catalogue
from gateway.webhooks.verification import (
    Credentials,
    InboundRequest,
    Verdict,
    judge,
    material_needed,
    reading_of,
)
from gateway.webhooks.verification.reading import MAX_GREETING_BYTES, MAX_UNVERIFIED_BYTES, MAX_UNVERIFIED_VALUES

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
    assert inflated(gzip.compress(b"x" * MAX_INFLATED_BYTES, 1)) is not None
    assert inflated(gzip.compress(b"x" * (MAX_INFLATED_BYTES + 1), 1)) is None
    assert MAX_INFLATED_BYTES <= 20 * 1024 * 1024


JSON = ("Content-Type", "application/json")
SPARE = b'"signature":{"timestamp":"1","token":"t","signature":"' + b"0" * 64 + b'"}'


def mailgun(body: bytes, content_type: tuple[str, str] = JSON) -> Verdict:
    request = InboundRequest("POST", URL, [content_type], body)
    return judge(catalogue()["mailgun"], request, Credentials(secrets=[SECRET]), now=1.0)


def test_what_is_parsed_unverified_is_bounded_in_bytes() -> None:
    def padded(size: int) -> bytes:
        return b"{" + SPARE + b"}" + b" " * (size - len(SPARE) - 2)

    assert mailgun(padded(MAX_UNVERIFIED_BYTES)).reason == "signature_mismatch"
    too_large = mailgun(padded(MAX_UNVERIFIED_BYTES + 1))
    assert (too_large.accepted, too_large.reason) == (False, "body_too_large")
    assert str(MAX_UNVERIFIED_BYTES) in too_large.detail
    # An entry says where its vendor sends more, and of what.
    form = b"timestamp=1&token=t&signature=" + b"0" * 64 + b"&x="
    assert mailgun(form.ljust(MAX_UNVERIFIED_BYTES + 1, b"x"), FORM).reason == "signature_mismatch"
    most = catalogue()["mailgun"].webhook.unverified_bytes["form"]
    assert mailgun(form.ljust(most + 1, b"x"), FORM).reason == "body_too_large"


def test_what_is_parsed_unverified_is_bounded_in_values() -> None:
    def filled(count: int) -> bytes:
        return b"{" + SPARE + b',"x":[' + b"{}," * (count - 8) + b"1]}"

    assert mailgun(filled(MAX_UNVERIFIED_VALUES // 2)).reason == "signature_mismatch"
    assert mailgun(filled(MAX_UNVERIFIED_VALUES + 8)).reason == "body_too_large"
    # The same in the JSON of a form field.
    text = b"json=" + b"[" + b"1," * MAX_UNVERIFIED_VALUES + b"1]"
    request = InboundRequest("POST", URL, [FORM], text)
    verdict = judge(catalogue()["dropbox-sign"], request, Credentials(secrets=[SECRET]), now=1.0)
    assert verdict.reason == "body_too_large"


@pytest.mark.parametrize("provider", ["mailgun", "aws-sns", "microsoft-graph", "adyen", "braintree", "twilio"])
def test_a_hostile_body_takes_little_memory(provider: str) -> None:
    fill = b'{"Type":"Notification","SignatureVersion":"1","value":[' + b"[]," * 1_600_000 + b"1]}"
    form = b"&".join([b"%41" * 4] * 300_000)
    tracemalloc.start()
    try:
        for content_type, body in ((JSON, fill), (FORM, fill), (FORM, form)):
            headers = [content_type, ("X-Twilio-Signature", "A" * 27 + "=")]
            request = InboundRequest("POST", URL, headers, body)
            assert not judge(
                catalogue()[provider], request, Credentials(secrets=["00"], public_key="k"), now=0.0
            ).accepted
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Both bodies are counted, or refused by their size; nothing is made of them.
    assert peak < 16 * 1024 * 1024


def test_what_has_proved_authentic_may_be_larger() -> None:
    # Linear signs the whole body, in which the time of signing stands.
    body = b'{"type":"Issue","webhookTimestamp":1000,"x":"' + b"x" * MAX_UNVERIFIED_BYTES + b'"}'
    signature = hmac.new(SECRET.encode(), body, "sha256").hexdigest()
    request = InboundRequest("POST", URL, [("Linear-Signature", signature)], body)
    verdict = judge(catalogue()["linear"], request, Credentials(secrets=[SECRET]), now=1.0)
    assert (verdict.accepted, verdict.event_type) == (True, "Issue")


def test_a_body_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[int] = []
    loads = json.loads

    def counting(raw: str | bytes, **options: object) -> object:
        parsed.append(len(raw))
        return loads(raw, **options)

    # Python's own parser is what is counted; nothing of ours is replaced.
    monkeypatch.setattr(json, "loads", counting)
    twice = b'{"Type":"Notification","SignatureVersion":"1","a":1,"a":2}'
    once = (
        b'{"Type":"Notification","SignatureVersion":"1","SigningCertURL":"https://sns.eu-west-1.amazonaws.com/x.pem"}'
    )
    for body in (once, twice):
        provider, credentials = catalogue()["aws-sns"], Credentials(options={"topic_arn": "t"})
        request = InboundRequest("POST", URL, [], body)
        reading = reading_of(provider, request, credentials, now=1.0)
        needed = material_needed(provider, request, credentials=credentials, reading=reading)
        assert len(needed) == (body is once)
        assert not judge(provider, request, credentials, now=1.0, reading=reading).accepted
        assert parsed == [len(body)]
        parsed.clear()
