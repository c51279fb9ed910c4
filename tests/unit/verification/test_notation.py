"""Constructs of the notation on an entry of the tests' own, signed by hand."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import zlib

import pytest

from gateway.content.compression import MAX_INFLATED_BYTES
from gateway.providers import parse_provider
from gateway.webhooks.verification import Credentials, InboundRequest, Verdict, judge
from tests.services.for_each import for_each_row

SECRET = "s3cret"
BODY = b'{"type": "t", "n": {"list": [10, {"deep": null}]}, "flag": true}'
URL = "https://gw.example.com:8443/a/b?x=1&y=%20z"

ENTRY = """
name: Own
category: tests
docs: none
evidence: {{level: docs}}
webhook:
  schemes:
  - id: default
    method: {method}
    {more}
    signature: {signature}
    signs: {signs}
  event: {{type: json:type}}
"""


def own(
    signs: str,
    *,
    method: str = "hmac-sha256",
    signature: str = "{in: header:X-Sig, encoding: hex}",
    more: str = "key: {secret: [utf8]}",
) -> str:
    return ENTRY.format(signs=signs, method=method, signature=signature, more=more)


def send(entry: str, headers: list[tuple[str, str]], *, body: bytes = BODY, secret: str = SECRET) -> Verdict:
    provider = parse_provider("own", entry, origin="own.yaml")
    request = InboundRequest("POST", URL, headers, body)
    return judge(provider, request, Credentials(secrets=[secret]), now=100.0)


def mac(text: bytes, key: bytes = SECRET.encode()) -> str:
    return hmac.new(key, text, "sha256").hexdigest()


TEXTS = [
    ('"{url}|{body}"', URL.encode() + b"|" + BODY),
    (
        '"{method} {path} {query} {host} {url_base}"',
        b"POST /a/b x=1&y=%20z gw.example.com:8443 https://gw.example.com:8443/a/b",
    ),
    ('"{query:x}{query:y}{body}"', b"1 z" + BODY),
    ('"{json:n.list.0}{json:flag}{json:type}"', b"10truet"),
    ('"{json:n.list}"', b'[10,{"deep":null}]'),
    ('"{json:n.list.1.deep?}{body}"', BODY),
    ('"[gone={json:gone};][here={json:type};]{body}"', b"here=t;" + BODY),
    ('"{segment:0}{segment:-1}{body}"', b"ab" + BODY),
    ('"{header:X-Other|lower}{body}"', b"mixed" + BODY),
    ('"{body|sha256|hex}"', hashlib.sha256(BODY).hexdigest().encode()),
    ('"{body|md5|base64}"', base64.b64encode(hashlib.md5(BODY).digest())),
    ('"{body|sha1|base64url|unpad}"', base64.urlsafe_b64encode(hashlib.sha1(BODY).digest()).rstrip(b"=")),
    ('"{body|crc32}"', str(zlib.crc32(BODY)).encode()),
    ('"{{{{literal}}}}{body}\\\\[\\\\]"', b"{literal}" + BODY + b"[]"),
    ('["{url}", "{body}\\n"]', BODY + b"\n"),
    ('"{content_type}{body}"', b"application/json" + BODY),
]


@for_each_row(("signs", "text"), TEXTS)
def test_signed_text(signs: str, text: bytes) -> None:
    entry = own(signs.replace("{{{{", "{{").replace("}}}}", "}}"))
    headers = [("Content-Type", "Application/JSON; charset=utf-8"), ("X-Other", "MiXeD"), ("X-Sig", mac(text))]
    verdict = send(entry, headers)
    assert verdict.accepted, verdict.detail
    assert not send(entry, [*headers[:2], ("X-Sig", mac(text + b"."))]).accepted


@pytest.mark.parametrize(
    ("steps", "secret", "key"),
    [
        ("[hex]", "00ff", b"\x00\xff"),
        ("[base64]", "AP8", b"\x00\xff"),
        ("[base64url]", "_-8", b"\xff\xef"),
        ("[strip:k_, base64]", "k_AP8=", b"\x00\xff"),
        ("[append:&]", "abc", b"abc&"),
        ("[sha256]", "abc", hashlib.sha256(b"abc").digest()),
        ("[nfkd]", "é", "e\u0301".encode()),
    ],
)
def test_secrets(steps: str, secret: str, key: bytes) -> None:
    entry = own('"{body}"', more=f"key: {{secret: {steps}}}")
    assert send(entry, [("X-Sig", mac(BODY, key))], secret=secret).accepted
    assert send(entry, [("X-Sig", mac(BODY, b""))], secret="").reason == "signature_mismatch"


def test_compressed_bodies() -> None:
    entry, body = own('"{body|gunzip}"'), gzip.compress(BODY)
    verdict = send(entry, [("X-Sig", mac(BODY))], body=body)
    assert (verdict.accepted, verdict.event_type) == (True, "t")
    assert send(entry, [("X-Sig", mac(BODY))]).accepted
    bomb = gzip.compress(bytes(MAX_INFLATED_BYTES + 1), 1)
    for broken in (body[:-1], body + b"x", b"\x1f\x8b", bomb):
        assert send(entry, [("X-Sig", mac(BODY))], body=broken).reason == "signature_malformed"


def test_several_headers() -> None:
    entry = own('"{body}"', signature="{any: [header:X-A, header:X-B], encoding: hex}")
    good, bad = mac(BODY), mac(b"")
    assert send(entry, [("X-A", bad), ("X-B", good)]).accepted
    assert send(entry, [("X-B", good)]).accepted
    assert send(entry, [("X-A", bad)]).reason == "signature_mismatch"
    assert send(entry, []).reason == "signature_missing"


def test_alternative_places() -> None:
    entry = own('"{body}"', signature="{in: [header:X-A, header:X-B], encoding: hex}")
    assert send(entry, [("X-B", mac(BODY))]).accepted
    assert not send(entry, [("X-A", mac(b"")), ("X-B", mac(BODY))]).accepted


def test_positions() -> None:
    entry = own(
        '"{timestamp}.{body}"',
        signature='{in: header:X-Sig, split: ",", take_from: 1, encoding: hex, several: true}',
        more="timestamp: {in: field:0, unit: seconds, tolerance_seconds: 5}",
    )
    good = mac(b"100." + BODY)
    assert send(entry, [("X-Sig", f"100,{mac(b'')},{good}")]).accepted
    assert send(entry, [("X-Sig", "100")]).reason == "signature_malformed"
    assert send(entry, [("X-Sig", f",{good}")]).reason == "timestamp_missing"


def test_one_signature_where_one_is_expected() -> None:
    entry = own('"{body}"', signature='{in: header:X-Sig, split: ",", pair: "=", take: v1, encoding: hex}')
    assert send(entry, [("X-Sig", f"v1={mac(BODY)}")]).accepted
    assert send(entry, [("X-Sig", f"v1={mac(BODY)},v1={mac(BODY)}")]).reason == "signature_malformed"


def test_conditions_choose_the_scheme() -> None:
    entry = own('"{body}"', more="when: {method: [PUT, POST], query:x: '1', header:X-Not: {present: false}}")
    assert send(entry, [("X-Sig", mac(BODY))]).accepted
    other = send(entry, [("X-Sig", mac(BODY)), ("X-Not", "")])
    assert (other.accepted, other.reason) == (False, "signature_malformed")
    assert send(entry, [("X-Not", "")]).reason == "signature_missing"


def test_checks() -> None:
    entry = own('"{body}"', more='checks: [{value: header:X-Version, equals: "2"}]')
    assert send(entry, [("X-Sig", mac(BODY)), ("X-Version", "2")]).accepted
    assert send(entry, [("X-Sig", mac(BODY)), ("X-Version", "1")]).reason == "signature_mismatch"
    assert send(entry, [("X-Sig", mac(BODY))]).reason == "signature_missing"


@pytest.mark.parametrize(
    ("body", "event_type"),
    [
        (b'{"type": "a\\u0000b"}', None),
        (b'{"type": "\\ud800"}', None),
        (b'{"type": ""}', None),
        (b'{"type": 7}', "7"),
        (b'{"type": "' + b"x" * 256 + b'"}', None),
        (b'{"type": "' + b"x" * 255 + b'"}', "x" * 255),
        ('{"type": "Zoë"}'.encode(), "Zoë"),
        (b'{"type": "line\\nbreak"}', None),
    ],
)
def test_types_that_can_be_kept(body: bytes, event_type: str | None) -> None:
    verdict = send(own('"{body}"'), [("X-Sig", mac(body))], body=body)
    assert (verdict.accepted, verdict.event_type) == (True, event_type)
