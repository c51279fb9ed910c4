"""Certificates that a request names: pinned URLs, look-alike hosts, dates, and chains to the operator's roots."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from joserfc import jws
from joserfc.jwk import ECKey

from gateway.providers import catalogue
from gateway.webhooks.verification import Credentials, InboundRequest, MaterialRequest, Verdict, judge, material_needed
from gateway.webhooks.verification.pinning import is_pinned
from tests.services.for_each import for_each_row
from tests.services.keys import rsa_key

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CERT_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123.pem"
HOST = r"sns\.[a-zA-Z0-9-]{3,}\.amazonaws\.com(\.cn)?"

LOOK_ALIKES = [
    "http://sns.eu-west-1.amazonaws.com/x.pem",
    "https://sns.eu-west-1.amazonaws.com.evil.example/x.pem",
    "https://evil.example/sns.eu-west-1.amazonaws.com/x.pem",
    "https://evil.example/?sns.eu-west-1.amazonaws.com/x.pem",
    "https://evil.example#sns.eu-west-1.amazonaws.com/x.pem",
    "https://sns.eu-west-1.amazonaws.com@evil.example/x.pem",
    "https://evil.example@sns.eu-west-1.amazonaws.com/x.pem",
    "https://user:pw@sns.eu-west-1.amazonaws.com/x.pem",
    "https://sns.eu-west-1.amazonaws.com:8443/x.pem",
    "https://sns.eu-west-1.amazonaws.com./x.pem",
    "https://sns.eu-west-1.amazonaws.com/x.pem?y",
    "https://sns.eu-west-1.amazonaws.com/x.pem#y",
    "https://sns.eu-west-1.amazonaws.com/x%2epem",
    "https://sns.eu-west-1.amazonaws.com/../x.pem",
    "https://sns.eu-west-1.amazonaws.com\\@evil.example/x.pem",
    "https://sns.eu-west-1.amazonaws.com\n/x.pem",
    " https://sns.eu-west-1.amazonaws.com/x.pem",
    "https://sns.eu-west-1.amazonaws.com/x.pem\n",
    "https://sns%2eeu-west-1.amazonaws.com/x.pem",
    "https://SNS.eu-west-1.amazonaws.com/x.pem",
    "https://snsXeu-west-1.amazonaws.com/x.pem",
    "https://xsns.eu-west-1.amazonaws.com/x.pem",
    "https://sns.eu-west-1.amazonaws。com/x.pem",
    "https://sns..amazonaws.com/x.pem",
    "https://sns.eu-west-1.amazonaws.com/x.txt",
    "https:sns.eu-west-1.amazonaws.com/x.pem",
    "//sns.eu-west-1.amazonaws.com/x.pem",
    "file:///etc/x.pem",
    "https://169.254.169.254/x.pem",
    "",
    "https://sns.eu-west-1.amazonaws.com/" + "a" * 3000 + ".pem",
]


def certificate(*, start: datetime = NOW - timedelta(days=1), end: datetime = NOW + timedelta(days=30)) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(rsa_key().public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(end)
        .sign(rsa_key(), hashes.SHA256())
    )
    return built.public_bytes(Encoding.PEM).decode()


def notification(**changes: Any) -> dict[str, Any]:
    fields = {
        "Type": "Notification",
        "MessageId": "m1",
        "TopicArn": "arn:aws:sns:eu-west-1:1:t",
        "Message": "hello",
        "Timestamp": "2026-11-20T12:00:00Z",
        "SignatureVersion": "2",
        "SigningCertURL": CERT_URL,
    } | changes
    names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    signed = "".join(f"{name}\n{fields[name]}\n" for name in names if name in fields)
    signature = rsa_key().sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return fields | {"Signature": base64.b64encode(signature).decode()}


def request(fields: dict[str, Any]) -> InboundRequest:
    headers = [("Content-Type", "text/plain; charset=UTF-8")]
    return InboundRequest("POST", "https://gw.example.com/webhooks/sns", headers, json.dumps(fields).encode())


def send(fields: dict[str, Any], *, pem: str | None = None, url: str = CERT_URL, **options: str) -> Verdict:
    credentials = Credentials(certs={url: pem or certificate()}, options=options)
    return judge(catalogue()["aws-sns"], request(fields), credentials, now=NOW.timestamp())


def test_accepted() -> None:
    verdict = send(notification())
    assert verdict.accepted, verdict.detail
    assert (verdict.event_type, verdict.event_id, verdict.scheme) == ("Notification", "m1", "notification_v2")
    assert send(notification(Subject="Zoë")).accepted


def test_fields_that_are_signed() -> None:
    for name in ("Message", "MessageId", "Timestamp", "TopicArn"):
        assert send(notification() | {name: "other"}).reason == "signature_mismatch"
    assert send(notification() | {"Subject": "added"}).reason == "signature_mismatch"
    assert send(notification() | {"SignatureVersion": "1"}).reason == "signature_mismatch"
    assert send(notification() | {"SignatureVersion": "3"}).reason == "signature_malformed"


def test_a_key_that_is_written_twice() -> None:
    text = json.dumps(notification()).replace('"Message":', '"Message": "evil", "Message":').encode()
    twice = InboundRequest("POST", "https://gw.example.com/", [], text)
    verdict = judge(catalogue()["aws-sns"], twice, Credentials(certs={CERT_URL: certificate()}), now=NOW.timestamp())
    assert verdict.reason == "signature_malformed"


def test_dates_of_the_certificate() -> None:
    assert send(notification(), pem=certificate(end=NOW - timedelta(seconds=1))).reason == "signature_mismatch"
    assert send(notification(), pem=certificate(start=NOW + timedelta(hours=1))).reason == "signature_mismatch"
    assert send(notification(), pem="no certificate").reason == "signature_mismatch"
    assert send(notification(), url="https://sns.us-east-1.amazonaws.com/x.pem").reason == "signature_mismatch"


@for_each_row("url", LOOK_ALIKES)
def test_look_alike_hosts(url: str) -> None:
    verdict = send(notification(SigningCertURL=url), url=url)
    assert not verdict.accepted
    assert verdict.reason in {"signature_malformed", "signature_missing"}
    assert material_needed(catalogue()["aws-sns"], request(notification(SigningCertURL=url))) == ()


def test_pinned_urls() -> None:
    assert is_pinned(CERT_URL, HOST, r"/.*\.pem")
    assert is_pinned(CERT_URL.replace(".com/", ".com:443/"), HOST)
    assert is_pinned("https://sns.cn-north-1.amazonaws.com.cn/x.pem", HOST)
    assert is_pinned(CERT_URL + "?a=b%20c", HOST, query=True)


def test_what_has_to_be_fetched() -> None:
    needed = material_needed(catalogue()["aws-sns"], request(notification()))
    assert needed == (MaterialRequest("certificate", CERT_URL),)
    assert material_needed(catalogue()["github"], request(notification())) == ()
    for body in (b"", b"[" * 100_000, b"\xff", b'{"Type": 1}'):
        junk = InboundRequest("POST", "https://gw.example.com/", [], body)
        assert material_needed(catalogue()["aws-sns"], junk) == ()


def test_what_tokens_need() -> None:
    header = base64.urlsafe_b64encode(b'{"alg":"RS256","kid":"k1"}').rstrip(b"=").decode()
    pubsub = InboundRequest("POST", "https://gw.example.com/", [("Authorization", f"Bearer {header}.e30.AA")], b"")
    needed = material_needed(catalogue()["google-pubsub"], pubsub)
    assert [(item.kind, item.key_id) for item in needed] == [("certificates_by_id", "k1")]
    junk = InboundRequest("POST", "https://gw.example.com/", [("Authorization", "Bearer x")], b"")
    assert material_needed(catalogue()["google-pubsub"], junk) == ()


SANDBOX = Credentials(options={"environment": "sandbox"})


@pytest.mark.parametrize(
    ("url", "credentials", "named"),
    [
        ("https://webhooks.truelayer.com/.well-known/jwks", Credentials(), True),
        ("https://webhooks.truelayer.com/.well-known/jwks", SANDBOX, False),
        ("https://webhooks.truelayer.com/.well-known/jwks", Credentials(public_key="own"), False),
        ("https://webhooks.truelayer-sandbox.com/.well-known/jwks", Credentials(), False),
        ("https://webhooks.truelayer-sandbox.com/.well-known/jwks", SANDBOX, True),
        ("https://webhooks.truelayer.com.evil.example/.well-known/jwks", Credentials(), False),
        ("https://webhooks.truelayer.com/other", Credentials(), False),
    ],
)
def test_key_set_of_truelayer(url: str, credentials: Credentials, named: bool) -> None:
    header = json.dumps({"alg": "ES512", "kid": "k", "tl_version": "2", "jku": url}).encode()
    token = base64.urlsafe_b64encode(header).rstrip(b"=").decode() + "..AA"
    asked = InboundRequest("POST", "https://gw.example.com/", [("Tl-Signature", token)], b"")
    needed = material_needed(catalogue()["truelayer"], asked, credentials=credentials)
    assert needed == ((MaterialRequest("jwks", url, "k"),) if named else ())


@for_each_row(
    ("url", "named"),
    [
        ("https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594", True),
        ("https://api-m.paypal.com/v1/notifications/certs/CERT-1", True),
        ("https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1", True),
        ("https://api-m.sandbox.paypal.com/v1/notifications/certs/CERT-1", True),
        ("https://www.paypal.com/v1/notifications/certs/CERT-1", False),
        ("https://evil.paypal.com/v1/notifications/certs/CERT-1", False),
        ("https://api.paypal.com/cgi-bin/x", False),
        ("https://api.paypal.com/v1/notifications/certs/../x", False),
        ("https://api.paypal.com/v1/notifications/certs/", False),
        ("https://apixpaypal.com/v1/notifications/certs/CERT-1", False),
    ],
)
def test_certificates_of_paypal(url: str, named: bool) -> None:
    asked = InboundRequest("POST", "https://gw.example.com/", [("PAYPAL-CERT-URL", url)], b"{}")
    needed = material_needed(catalogue()["paypal"], asked)
    assert needed == ((MaterialRequest("certificate", url),) if named else ())


def test_topic_of_somebody_else() -> None:
    assert send(notification(), topic_arn="arn:aws:sns:eu-west-1:1:t").accepted
    assert send(notification(), topic_arn="arn:aws:sns:eu-west-1:2:mine").reason == "signature_mismatch"


def subscription(url: str) -> dict[str, Any]:
    return notification(Type="SubscriptionConfirmation", Token="t", SubscribeURL=url)


def test_subscription_is_confirmed_after_verification() -> None:
    url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"
    verdict = send(subscription(url))
    assert verdict.accepted
    assert verdict.handshake is not None
    assert verdict.handshake.fetch == url
    forged = send(subscription(url) | {"Token": "x"})
    assert (forged.accepted, forged.handshake) == (False, None)


@pytest.mark.parametrize("url", ["https://evil.example/?Token=t", "http://sns.eu-west-1.amazonaws.com/", "", "x"])
def test_subscription_url_of_somebody_else(url: str) -> None:
    verdict = send(subscription(url))
    assert (verdict.accepted, verdict.handshake) == (False, None)


def chain_of(vector: Any) -> tuple[str, dict[str, Any]]:
    token = json.loads(vector.request.body)["signedPayload"]
    head = token.split(".")[0]
    return token, json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))


def test_apple_chain(vector_of: dict[str, Any]) -> None:
    vector = vector_of["apple-app-store/default/valid"]
    token, header = chain_of(vector)
    assert vector.judge().accepted
    other_root = Credentials(root_certs=[certificate()], options=vector.credentials.options)
    assert vector.judge(credentials=other_root).reason == "signature_mismatch"
    other_app = Credentials(root_certs=vector.credentials.root_certs, options={"bundle_id": "com.other"})
    assert vector.judge(credentials=other_app).reason == "signature_mismatch"
    for chain in ([], header["x5c"][:1], header["x5c"][::-1], [1], "x", None, header["x5c"] * 2):
        changed = base64.urlsafe_b64encode(json.dumps(header | {"x5c": chain}).encode()).rstrip(b"=").decode()
        body = json.dumps({"signedPayload": ".".join([changed, *token.split(".")[1:]])}).encode()
        assert not vector.judge(request=InboundRequest("POST", vector.request.url, [], body)).accepted


MARKS = ["1.2.840.113635.100.6.11.1", "1.2.840.113635.100.6.2.1"]


def issue(
    name: str, issuer: tuple[str, ec.EllipticCurvePrivateKey] | None, *, ca: bool, mark: str | None, days: int = 30
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A certificate and its key; signed by itself without an issuer."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer_name, issuer_key = issuer or (name, key)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer_name)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=90))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if mark is not None:
        builder = builder.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(mark), b"\x05\x00"), False)
    return builder.sign(issuer_key, hashes.SHA256()), key


@pytest.mark.parametrize(
    ("changes", "accepted"),
    [
        ({}, True),
        ({"ca": False}, False),
        ({"leaf_mark": None}, False),
        ({"leaf_mark": MARKS[1]}, False),
        ({"issuer_mark": None}, False),
        ({"leaf_days": -1}, False),
        ({"issuer_days": -1}, False),
        ({"root_days": -1}, False),
        ({"other_root": True}, False),
    ],
)
def test_chains(changes: dict[str, Any], accepted: bool) -> None:
    """The chain's every link counts: an ordinary certificate of the same root must not issue others."""
    root, root_key = issue("root", None, ca=True, mark=None, days=changes.get("root_days", 30))
    middle, middle_key = issue(
        "middle",
        ("root", root_key),
        ca=changes.get("ca", True),
        mark=changes.get("issuer_mark", MARKS[1]),
        days=changes.get("issuer_days", 30),
    )
    leaf, leaf_key = issue(
        "leaf",
        ("middle", middle_key),
        ca=False,
        mark=changes.get("leaf_mark", MARKS[0]),
        days=changes.get("leaf_days", 30),
    )
    chain = [base64.b64encode(part.public_bytes(Encoding.DER)).decode() for part in (leaf, middle, root)]
    trusted = issue("root", None, ca=True, mark=None)[0] if changes.get("other_root") else root
    pem = leaf_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    registry = jws.JWSRegistry(algorithms=["ES256"])
    registry.max_header_length = 64_000
    claims = json.dumps({"notificationType": "TEST", "data": {"bundleId": "com.example"}}).encode()
    token = jws.serialize_compact({"alg": "ES256", "x5c": chain}, claims, ECKey.import_key(pem), registry=registry)
    verdict = judge(
        catalogue()["apple-app-store"],
        InboundRequest("POST", "https://gw.example.com/", [], json.dumps({"signedPayload": token}).encode()),
        Credentials(root_certs=[trusted.public_bytes(Encoding.PEM).decode()], options={"bundle_id": "com.example"}),
        now=NOW.timestamp(),
    )
    assert verdict.accepted is accepted, verdict.detail
    if not accepted:
        assert verdict.reason == "signature_mismatch"
