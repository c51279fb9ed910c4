"""GitHub, Stripe, Slack and Twilio, signed by hand, and what attackers make of them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from itertools import product

import pytest

from gateway.providers import catalogue
from gateway.webhooks.verification import Credentials, InboundRequest, Verdict, judge
from tests.services.for_each import for_each_row

NOW = 1_795_171_821
SECRET = "It's a Secret to Everybody"
URL = "https://gw.example.com/webhooks/x"


def digest(body: bytes, name: str = "sha256", secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, name).hexdigest()


def github(
    body: bytes, *signatures: tuple[str, str], event: str = "push", scheme: str | None = None, secret: str = SECRET
) -> Verdict:
    headers = [("X-GitHub-Event", event), ("X-GitHub-Delivery", "d1"), *signatures]
    request = InboundRequest("POST", URL, headers, body)
    return judge(catalogue()["github"], request, Credentials(secrets=[secret]), now=0.0, scheme=scheme)


DEEP = b"[" * 100_000 + b"]" * 100_000
BODIES = [
    b"",
    b"{}",
    b"  {}\r\n",
    b"\x00\xff\xfe",
    DEEP,
    b'{"a": ' * 100_000,
    b'{"n": ' + b"9" * 10_000 + b"}",
    b'{"a": 1, "a": 2}',
    b'{"a": NaN, "b": Infinity, "c": 1e999}',
    '{"name": "Zoë 🚀 \\ud800"}'.encode(),
    "\ufeff{}".encode(),
    '{"utf": 16}'.encode("utf-16"),
]


@for_each_row("body", BODIES)
def test_authentic_bytes_of_any_kind(body: bytes) -> None:
    verdict = github(body, ("X-Hub-Signature-256", "sha256=" + digest(body)))
    assert verdict.accepted, verdict.detail
    assert (verdict.event_type, verdict.event_id) == ("push", "d1")
    assert github(body, ("X-Hub-Signature-256", "sha256=" + digest(body + b" "))).reason == "signature_mismatch"


@for_each_row(
    ("provider_id", "body"),
    product(["slack", "stripe", "monday", "aws-sns", "adyen", "mailgun", "telegram", "line"], BODIES),
)
def test_forged_bytes_of_any_kind(provider_id: str, body: bytes) -> None:
    request = InboundRequest("POST", URL, [("Content-Type", "application/json")], body)
    verdict = judge(catalogue()[provider_id], request, Credentials(secrets=[SECRET]), now=0.0)
    assert not verdict.accepted
    assert "could not be judged" not in verdict.detail


def test_no_downgrade_to_sha1() -> None:
    legacy = ("X-Hub-Signature", "sha1=" + digest(b"{}", "sha1"))
    assert github(b"{}", legacy).reason == "signature_missing"
    assert github(b"{}", legacy, scheme="sha1_legacy").accepted
    assert github(b"{}", ("X-Hub-Signature-256", legacy[1])).reason == "signature_malformed"
    assert not github(b"{}", ("X-Hub-Signature-256", "sha256=" + digest(b"{}")), scheme="sha1_legacy").accepted


@for_each_row(
    "text",
    [
        digest(b"{}"),
        "sha256=",
        "SHA256=" + digest(b"{}"),
        "sha256= " + digest(b"{}"),
        "sha256=" + digest(b"{}")[:-1],
        "sha256=" + digest(b"{}") + "00",
        "sha256=" + base64.b64encode(hmac.new(SECRET.encode(), b"{}", "sha256").digest()).decode(),
        "sha256=" + digest(b"{}", "sha512"),
        "sha512=" + digest(b"{}", "sha512"),
        f"sha256={digest(b'{}')},sha256={digest(b'{}')}",
        "sha256=" + "é" * 64,
        "sha256=" + "٠" * 64,
    ],
)
def test_not_written_as_the_scheme_says(text: str) -> None:
    assert github(b"{}", ("X-Hub-Signature-256", text)).reason == "signature_malformed"


def test_ping_is_verified_first_and_then_answered() -> None:
    ping = github(b"{}", ("X-Hub-Signature-256", "sha256=" + digest(b"{}")), event="ping")
    assert ping.accepted
    assert ping.handshake is not None
    assert ping.handshake.status == 200
    forged = github(b"{}", ("X-Hub-Signature-256", "sha256=" + digest(b"")), event="ping")
    assert (forged.accepted, forged.handshake) == (False, None)


def test_one_letter_is_not_a_secret() -> None:
    signature = ("X-Hub-Signature-256", "sha256=" + digest(b"{}", secret="I"))
    request = InboundRequest("POST", URL, [signature], b"{}")
    assert not judge(catalogue()["github"], request, Credentials(secrets=SECRET), now=0.0).accepted


def stripe(header: str, body: bytes = b"{}") -> Verdict:
    request = InboundRequest("POST", URL, [("Stripe-Signature", header)], body)
    return judge(catalogue()["stripe"], request, Credentials(secrets=[SECRET]), now=float(NOW))


def stripe_signature(at: int = NOW, body: bytes = b"{}") -> str:
    return digest(b"%d.%s" % (at, body))


def test_stripe() -> None:
    good = stripe_signature()
    assert stripe(f"t={NOW},v1={good}").accepted
    assert stripe(f"v1={good},t={NOW}").accepted
    assert stripe(f"t={NOW}, v1={'0' * 64}, v1={good}, v0=x, v0=y").accepted
    assert stripe(f"t={NOW},v0={good}").reason == "signature_malformed"
    assert stripe(f"v1={good}").reason == "timestamp_missing"
    assert stripe(f"t={NOW - 400},v1={stripe_signature(NOW - 400)}").reason == "timestamp_out_of_tolerance"
    assert stripe(f"t={NOW + 400},v1={stripe_signature(NOW + 400)}").reason == "timestamp_out_of_tolerance"
    assert stripe(f"t={NOW},t={NOW - 1},v1={good}").reason == "signature_malformed"
    assert stripe(f"t={NOW}.0,v1={good}").reason == "signature_mismatch"
    assert stripe("t=" + "," * 100_000).reason == "signature_malformed"
    assert stripe(f"t={NOW}," + ",".join([f"v1={'0' * 64}"] * 40)).reason == "signature_malformed"


def test_stripe_secret_is_text() -> None:
    """The whsec_ secret is used as it is, not base64-decoded."""
    secret = "whsec_" + base64.b64encode(b"x" * 24).decode()
    signature = hmac.new(b"x" * 24, b"%d.{}" % NOW, hashlib.sha256).hexdigest()
    request = InboundRequest("POST", URL, [("Stripe-Signature", f"t={NOW},v1={signature}")], b"{}")
    assert not judge(catalogue()["stripe"], request, Credentials(secrets=[secret]), now=float(NOW)).accepted


def slack(body: bytes, *, secret: str = SECRET, content_type: str = "application/json") -> Verdict:
    signature = "v0=" + digest(b"v0:%d:%s" % (NOW, body), secret=secret)
    headers = [
        ("Content-Type", content_type),
        ("X-Slack-Request-Timestamp", str(NOW)),
        ("X-Slack-Signature", signature),
    ]
    return judge(
        catalogue()["slack"], InboundRequest("POST", URL, headers, body), Credentials(secrets=[SECRET]), now=NOW + 1.0
    )


def test_slack() -> None:
    event = slack(json.dumps({"event_id": "Ev1", "event": {"type": "message"}}).encode())
    assert (event.accepted, event.event_type, event.event_id) == (True, "message", "Ev1")
    command = slack(b"command=%2Fdeploy&trigger_id=1.2", content_type="application/x-www-form-urlencoded")
    assert (command.event_type, command.event_id) == ("/deploy", "1.2")
    challenge = json.dumps({"type": "url_verification", "challenge": "c1"}).encode()
    answered = slack(challenge).handshake
    assert answered is not None
    assert answered.body == b"c1"
    forged = slack(challenge, secret="other")
    assert (forged.accepted, forged.handshake, forged.reason) == (False, None, "signature_mismatch")


def twilio(url: str, signed_url: str, body: bytes = b"") -> Verdict:
    message = signed_url + "".join(["Aé", "Bx y"] if body else [])
    signature = base64.b64encode(hmac.new(SECRET.encode(), message.encode(), "sha1").digest()).decode()
    headers = [("X-Twilio-Signature", signature), ("Content-Type", "application/x-www-form-urlencoded")]
    request = InboundRequest("POST" if body else "GET", url, headers if body else headers[:1], body)
    return judge(catalogue()["twilio"], request, Credentials(secrets=[SECRET]), now=0.0)


@pytest.mark.parametrize(
    ("url", "signed_url", "accepted"),
    [
        ("https://gw.example.com/x?a=1", "https://gw.example.com/x?a=1", True),
        ("https://gw.example.com/x?a=1", "https://gw.example.com:443/x?a=1", True),
        ("https://gw.example.com:8443/x", "https://gw.example.com/x", True),
        ("https://gw.example.com/x?a=1", "http://gw.example.com/x?a=1", False),
        ("https://gw.example.com/x?a=1", "https://gw.example.com/x?a=2", False),
        ("https://gw.example.com/x?a=1", "https://gw.example.com/x", False),
        ("https://gw.example.com/x", "https://evil.example/x", False),
        ("https://[::1/x", "https://[::1]/x", False),
    ],
)
def test_twilio_signs_the_url(url: str, signed_url: str, accepted: bool) -> None:
    assert twilio(url, signed_url).accepted is accepted
    assert twilio(url, signed_url, b"B=x+y&A=%C3%A9").accepted is accepted


@pytest.mark.parametrize(
    ("method", "content_type", "body", "accepted"),
    [
        ("POST", "application/json", b'{"amount":1}', True),
        ("POST", "application/json", b'{"amount":999}', False),
        ("GET", "application/json", b'{"amount":999}', False),
        ("GET", "application/json", b"", False),
        ("POST", "application/x-www-form-urlencoded", b"", False),
        ("POST", "application/x-www-form-urlencoded", b"amount=999", False),
    ],
)
def test_twilio_signature_of_a_body_hash_holds_for_that_body(
    method: str, content_type: str, body: bytes, accepted: bool
) -> None:
    url = "https://gw.example.com/x?bodySHA256=" + hashlib.sha256(b'{"amount":1}').hexdigest()
    signature = base64.b64encode(hmac.new(SECRET.encode(), url.encode(), "sha1").digest()).decode()
    headers = [("X-Twilio-Signature", signature), ("Content-Type", content_type)]
    request = InboundRequest(method, url, headers, body)
    assert judge(catalogue()["twilio"], request, Credentials(secrets=[SECRET]), now=0.0).accepted is accepted


@pytest.mark.parametrize(("query", "event_type"), [("CallSid=CA1", None), ("CallStatus=ringing", "ringing")])
def test_twilio_body_of_a_get_says_nothing(query: str, event_type: str | None) -> None:
    url = f"https://gw.example.com/x?{query}"
    signature = base64.b64encode(hmac.new(SECRET.encode(), url.encode(), "sha1").digest()).decode()
    headers = [("X-Twilio-Signature", signature), ("Content-Type", "application/x-www-form-urlencoded")]
    request = InboundRequest("GET", url, headers, b"CallStatus=completed")
    verdict = judge(catalogue()["twilio"], request, Credentials(secrets=[SECRET]), now=0.0)
    assert (verdict.accepted, verdict.scheme, verdict.event_type, verdict.has_body) == (True, "get", event_type, False)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % number for number in range(10_001))),
        (
            "multipart/form-data; boundary=X",
            b'--X\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nevil',
        ),
        ("application/json", b'{"evil": 1}'),
        ("", b"evil=1"),
    ],
)
@pytest.mark.parametrize("provider_id", ["mandrill", "twilio", "plivo"])
def test_signature_of_an_empty_form_covers_no_body(provider_id: str, content_type: str, body: bytes) -> None:
    """A captured signature over the URL alone must not carry a body that cannot be read as a form."""
    names = {"mandrill": "X-Mandrill-Signature", "twilio": "X-Twilio-Signature", "plivo": "X-Plivo-Signature-V3"}
    signed, name = (URL + ".n1", "sha256") if provider_id == "plivo" else (URL, "sha1")
    signature = base64.b64encode(hmac.new(SECRET.encode(), signed.encode(), name).digest()).decode()
    headers = [("X-Plivo-Signature-V3-Nonce", "n1"), (names[provider_id], signature), ("Content-Type", content_type)]

    def send(sent: bytes) -> Verdict:
        request = InboundRequest("POST", URL, headers, sent)
        return judge(catalogue()[provider_id], request, Credentials(secrets=[SECRET]), now=0.0)

    verdict = send(body)
    assert (verdict.accepted, verdict.reason) == (False, "signature_malformed")


def test_ten_thousand_headers_are_read_in_no_time() -> None:
    junk = [(f"X-Junk-{number % 9_000}", "x") for number in range(10_000)]
    signature = ("X-Hub-Signature-256", "sha256=" + digest(b"{}"))
    started = time.process_time()
    assert github(b"{}", *junk, signature).accepted
    assert time.process_time() - started < 1.0
