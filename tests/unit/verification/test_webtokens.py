"""JSON Web Tokens, signed by joserfc, and the forgeries that they are known for."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from gateway.providers import catalogue
from gateway.webhooks.verification import Credentials, InboundRequest, Verdict, judge
from tests.services.for_each import for_each_row
from tests.services.keys import rsa_key

NOW = 1_795_171_821
SECRET = "0123456789abcdef0123456789abcdef"
URL = "https://gw.example.com/webhooks/x"
BODY = b'{"event": "x"}'


def token(claims: Mapping[str, object], *, secret: str = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode({"alg": algorithm}, dict(claims), OctKey.import_key(secret), algorithms=[algorithm])


def send(provider_id: str, headers: list[tuple[str, str]], credentials: Credentials, *, body: bytes = BODY) -> Verdict:
    return judge(catalogue()[provider_id], InboundRequest("POST", URL, headers, body), credentials, now=float(NOW))


def netlify(text: str, *, secret: str = SECRET) -> Verdict:
    return send("netlify", [("X-Webhook-Signature", text)], Credentials(secrets=[secret]))


GOOD: dict[str, Any] = {"iss": "netlify", "sha256": hashlib.sha256(BODY).hexdigest()}


def test_accepted() -> None:
    assert netlify(token(GOOD)).accepted


def unsigned(claims: Mapping[str, object], algorithm: str) -> str:
    parts = [json.dumps({"alg": algorithm}), json.dumps(claims)]
    return ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts) + "."


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
def test_no_algorithm(algorithm: str) -> None:
    assert netlify(unsigned(GOOD, algorithm)).reason == "signature_malformed"


def test_other_algorithms_than_the_pinned() -> None:
    assert netlify(token(GOOD, algorithm="HS512")).reason == "signature_malformed"


@for_each_row(
    ("claims", "reason"),
    [
        ({**GOOD, "iss": "other"}, "signature_mismatch"),
        ({"sha256": GOOD["sha256"]}, "signature_mismatch"),
        ({**GOOD, "iss": ["netlify"]}, "signature_mismatch"),
        ({"iss": "netlify"}, "signature_missing"),
        ({**GOOD, "sha256": "0" * 64}, "signature_mismatch"),
        ({**GOOD, "exp": NOW - 1}, "timestamp_out_of_tolerance"),
        ({**GOOD, "exp": NOW}, "timestamp_out_of_tolerance"),
        ({**GOOD, "nbf": NOW + 3600}, "timestamp_out_of_tolerance"),
        ({**GOOD, "iat": NOW + 3600}, "timestamp_out_of_tolerance"),
        ({**GOOD, "exp": "soon"}, "signature_malformed"),
        ({**GOOD, "exp": True}, "signature_malformed"),
        ({**GOOD, "exp": float("nan")}, "signature_malformed"),
        ({**GOOD, "exp": -1}, "signature_malformed"),
    ],
)
def test_claims(claims: dict[str, Any], reason: str) -> None:
    verdict = netlify(raw_token(claims))
    assert (verdict.accepted, verdict.reason) == (False, reason)


def raw_token(claims: Mapping[str, object]) -> str:
    """A signed token whose claims no library would write."""
    signed = unsigned(claims, "HS256").rstrip(".")
    mac = hmac.new(SECRET.encode(), signed.encode(), "sha256").digest()
    return signed + "." + base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


@pytest.mark.parametrize("text", ["a.b", "a.b.c", "..", "e30.e30.", "é.é.é", "." * 10_000, "a" * 300_000])
def test_not_a_token(text: str) -> None:
    assert netlify(text).reason == "signature_malformed"


def test_public_key_as_shared_secret() -> None:
    public = rsa_key().public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    verdict = netlify(token(GOOD), secret=pem)
    assert (verdict.accepted, verdict.reason) == (False, "signature_mismatch")


def test_short_secret_is_judged_without_warning() -> None:
    assert netlify(token(GOOD), secret="short").reason == "signature_mismatch"


def plaid(key: ECKey, header: Mapping[str, object], jwks: Mapping[str, object], *, at: int = NOW) -> Verdict:
    claims = {"iat": at, "request_body_sha256": hashlib.sha256(BODY).hexdigest()}
    text = jwt.encode({"alg": "ES256", **header}, claims, key, algorithms=["ES256"])
    return send("plaid", [("Plaid-Verification", text)], Credentials(jwks=jwks))


def public_jwk(key: ECKey | RSAKey, key_id: str) -> dict[str, object]:
    return {**key.as_dict(private=False), "kid": key_id}


def test_key_sets() -> None:
    key, other = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
    jwks = {"keys": [public_jwk(key, "k1"), public_jwk(other, "k2")]}
    assert plaid(key, {"kid": "k1"}, jwks).accepted
    assert plaid(key, {"kid": "k2"}, jwks).reason == "signature_mismatch"
    assert plaid(key, {"kid": "k3"}, jwks).reason == "signature_mismatch"
    assert plaid(key, {}, jwks).reason == "signature_mismatch"
    assert plaid(key, {}, {"keys": [public_jwk(key, "k1")]}).accepted
    assert plaid(key, {"kid": "k1"}, {"keys": [{**public_jwk(key, "k1"), "use": "enc"}]}).reason == "signature_mismatch"
    assert plaid(key, {"kid": "k1"}, jwks, at=NOW - 301).reason == "timestamp_out_of_tolerance"
    for broken in ({}, {"keys": "x"}, {"keys": [1, None, {"kty": "EC", "kid": "k1"}]}):
        assert plaid(key, {"kid": "k1"}, broken).reason == "signature_mismatch"


def test_vonage_hash_of_the_payload() -> None:
    claims = {"jti": "j1", "payload_hash": hashlib.sha256(BODY).hexdigest()}
    headers = [("Authorization", "Bearer " + token(claims))]
    good = send("vonage", headers, Credentials(secrets=[SECRET]))
    assert (good.accepted, good.event_id) == (True, "j1")
    assert not send("vonage", headers, Credentials(secrets=[SECRET]), body=BODY + b" ").accepted
    assert not send("vonage", [("Authorization", token(claims))], Credentials(secrets=[SECRET])).accepted


def test_messagebird_hash_is_absent_exactly_for_an_empty_body() -> None:
    claims: dict[str, Any] = {
        "iss": "MessageBird",
        "nbf": NOW,
        "exp": NOW + 60,
        "url_hash": hashlib.sha256(URL.encode()).hexdigest(),
    }
    hashed = claims | {"payload_hash": hashlib.sha256(BODY).hexdigest()}

    def judged(payload: Mapping[str, object], body: bytes) -> Verdict:
        headers = [("MessageBird-Signature-JWT", token(payload))]
        return send("messagebird", headers, Credentials(secrets=[SECRET]), body=body)

    assert judged(hashed, BODY).accepted
    assert judged(claims, b"").accepted
    assert judged(claims, BODY).reason == "signature_missing"
    assert judged(hashed, b"").reason == "signature_mismatch"
