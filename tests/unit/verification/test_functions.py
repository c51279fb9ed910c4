"""The schemes that data cannot express, signed by hand after the vendors' own code."""

from __future__ import annotations

import base64
import hmac
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from gateway.providers import catalogue
from gateway.webhooks.verification import Credentials, InboundRequest, Verdict, judge

SECRET = "s3cret"
NOW = 1_795_171_821


def plivo(url: str, text: str, *, method: str = "POST", body: bytes = b"", nonce: str = "n1") -> Verdict:
    mac = hmac.new(SECRET.encode(), f"{text}.{nonce}".encode(), "sha256").digest()
    headers = [
        ("X-Plivo-Signature-V3", "AAAA," + base64.b64encode(mac).decode()),
        ("X-Plivo-Signature-V3-Nonce", nonce),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ]
    return judge(
        catalogue()["plivo"], InboundRequest(method, url, headers, body), Credentials(secrets=[SECRET]), now=0.0
    )


@pytest.mark.parametrize(
    ("url", "method", "body", "text"),
    [
        ("https://a.example/x", "GET", b"", "https://a.example/x"),
        ("https://a.example/x?b=2&a=1", "GET", b"", "https://a.example/x?a=1&b=2"),
        ("https://a.example/x?b=2&a=1", "POST", b"C=3&B=x+y", "https://a.example/x?a=1&b=2.Bx yC3"),
        ("https://a.example/x", "POST", b"C=3&B=1", "https://a.example/x?B1C3"),
    ],
)
def test_plivo(url: str, method: str, body: bytes, text: str) -> None:
    assert plivo(url, text, method=method, body=body).accepted
    assert plivo(url, text + "x", method=method, body=body).reason == "signature_mismatch"


def test_plivo_without_nonce() -> None:
    assert plivo("https://a.example/x", "https://a.example/x", method="GET", nonce="").reason == "signature_missing"


def contentful(names: str, *, at: int = NOW * 1000, now: float = NOW, drop: str = "") -> Verdict:
    values = {
        "x-contentful-timestamp": str(at),
        "x-contentful-signed-headers": names,
        "x-contentful-topic": "T",
    }
    listed = ";".join(f"{name}:{values.get(name, '')}" for name in names.split(","))
    text = "\n".join(("POST", "/x%20y?a=b", listed, "{}"))
    signature = hmac.new(SECRET.encode(), text.encode(), "sha256").hexdigest()
    headers = [(name, value) for name, value in values.items() if name != drop] + [
        ("x-contentful-signature", signature)
    ]
    request = InboundRequest("POST", "https://a.example/x%20y?a=b", headers, b"{}")
    return judge(catalogue()["contentful"], request, Credentials(secrets=[SECRET]), now=now)


ALL = "x-contentful-signed-headers,x-contentful-timestamp,x-contentful-topic"


def test_contentful() -> None:
    assert contentful(ALL).accepted
    assert contentful(ALL, now=NOW + 31.0).reason == "timestamp_out_of_tolerance"
    assert contentful(ALL, now=NOW - 31.0).reason == "timestamp_out_of_tolerance"
    assert contentful(ALL, drop="x-contentful-timestamp").reason == "timestamp_missing"
    assert contentful(ALL, drop="x-contentful-topic").reason == "signature_missing"
    assert contentful(ALL, drop="x-contentful-signed-headers").reason == "signature_missing"
    assert contentful("x-contentful-timestamp,x-contentful-topic").reason == "signature_malformed"
    assert contentful("x-contentful-signed-headers,x-contentful-topic").reason == "signature_malformed"


@pytest.mark.parametrize("body", [b'[{"a" : 1}, {"b":2}]', b'  [{"a" : 1}]', b'[{"a" : 1},{}]'])
def test_segment_signs_the_first_element_as_it_stands(body: bytes) -> None:
    signature = hmac.new(SECRET.encode(), b'{"a" : 1}', "sha1").hexdigest()
    request = InboundRequest("POST", "https://a.example/", [("X-Signature", signature)], body)
    provider = catalogue()["segment"]
    assert judge(provider, request, Credentials(secrets=[SECRET]), now=0.0, scheme="batched").accepted
    assert not judge(provider, request, Credentials(secrets=[SECRET]), now=0.0).accepted
    for other in (b"[]", b"{}", b"", b'[{"a":1}]', b"[" * 100_000):
        changed = request._replace(body=other)
        assert not judge(provider, changed, Credentials(secrets=[SECRET]), now=0.0, scheme="batched").accepted


@pytest.mark.parametrize(
    ("body", "leaves_out"),
    [
        (b'[{"a" : 1}]', False),
        (b'\xef\xbb\xbf [ {"a" : 1}\n] ', False),
        (b'[{"a" : 1}, {"type":"track"}]', True),
        (b'[{"a" : 1}, \xff', True),
        (b'[{"a" : 1},' + b"1," * 2_000 + b"1]", True),
        (b'[{"a" : 1}] more', True),
    ],
)
def test_of_a_segment_batch_is_kept_what_the_signature_covers(body: bytes, *, leaves_out: bool) -> None:
    signature = hmac.new(SECRET.encode(), b'{"a" : 1}', "sha1").hexdigest()
    request = InboundRequest("POST", "https://a.example/", [("X-Signature", signature)], body)
    for options in ({}, {"unsigned_elements": "drop"}):
        credentials = Credentials(secrets=[SECRET], options=options)
        verdict = judge(catalogue()["segment"], request, credentials, now=0.0, scheme="batched")
        assert (verdict.accepted, verdict.leaves_out) == (True, leaves_out)
        assert [event.body for event in verdict.events] == [b'{"a" : 1}']


def test_a_source_that_wants_them_has_all_elements_of_a_segment_batch() -> None:
    first, second = b'{"type":"track","messageId":"m1"}', b'{"type": "page", "messageId": "m2"}'
    signature = hmac.new(SECRET.encode(), first, "sha1").hexdigest()
    request = InboundRequest("POST", "https://a.example/", [("X-Signature", signature)], b"[%b, %b]" % (first, second))
    credentials = Credentials(secrets=[SECRET], options={"unsigned_elements": "keep"})
    verdict = judge(catalogue()["segment"], request, credentials, now=0.0, scheme="batched")
    assert [(event.type, event.id, event.body) for event in verdict.events] == [
        ("track", "m1", first),
        ("page", "m2", second),
    ]
    assert not verdict.leaves_out


EC_KEY = ECKey.generate_key("P-521")


def truelayer(
    path: str,
    signed_path: str,
    *,
    algorithm: str = "ES512",
    version: str = "2",
    body: bytes = b"{}",
    public_key: str = "",
) -> Verdict:
    header = {"alg": algorithm, "kid": "k1", "tl_version": version, "tl_headers": "X-Tl-Webhook-Timestamp"}
    payload = f"POST {signed_path}\nX-Tl-Webhook-Timestamp: 2026\n".encode() + body
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    protected, _payload, signature = jws.serialize_compact(header, payload, EC_KEY, registry=registry).split(".")
    headers = [("Tl-Signature", f"{protected}..{signature}"), ("x-tl-webhook-timestamp", "2026")]
    request = InboundRequest("POST", "https://a.example" + path, headers, b"{}")
    jwks = {"keys": [{**EC_KEY.as_dict(private=False), "kid": "k1"}]}
    return judge(catalogue()["truelayer"], request, Credentials(jwks=jwks, public_key=public_key), now=0.0)


def test_truelayer_keys_of_the_operator_are_the_only_ones() -> None:
    own, other = EC_KEY.as_pem(private=False).decode(), ECKey.generate_key("P-521").as_pem(private=False).decode()
    assert truelayer("/hook", "/hook", public_key=own).accepted
    assert truelayer("/hook", "/hook", public_key=other).reason == "signature_mismatch"


def test_truelayer() -> None:
    assert truelayer("/hook", "/hook").accepted
    assert truelayer("/hook", "/hook/").accepted
    assert truelayer("/hook/", "/hook").accepted
    assert truelayer("/hook", "/other").reason == "signature_mismatch"
    assert truelayer("/hook", "/hook", body=b"{ }").reason == "signature_mismatch"
    assert truelayer("/hook", "/hook", version="1").reason == "signature_malformed"


def test_paddle_classic_ignores_the_order_of_fields(vector_of: dict[str, Any]) -> None:
    vector = vector_of["paddle-classic/default/valid"]
    fields = vector.request.body.split(b"&")
    assert vector.judge(request=vector.request._replace(body=b"&".join(reversed(fields)))).accepted
    assert not vector.judge(request=vector.request._replace(body=b"&".join([*fields, b"extra=1"]))).accepted
    assert not vector.judge(request=vector.request._replace(body=b"&".join([*fields, fields[0]]))).accepted
