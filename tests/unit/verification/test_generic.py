"""The operator's own sender: an HMAC described by options, or nothing at all."""

from __future__ import annotations

import base64
import hmac

import pytest

from gateway.providers import catalogue
from gateway.webhooks.verification import Credentials, InboundRequest, Verdict, judge

BODY = b'{"type": "a.b", "id": "e1", "meta": {"kind": "k", "key": 7}}'
SECRET = "s3cret"


def send(headers: list[tuple[str, str]], *, scheme: str | None = None, secret: str = SECRET, **options: str) -> Verdict:
    request = InboundRequest("POST", "https://gw.example.com/webhooks/g", headers, BODY)
    return judge(
        catalogue()["generic"], request, Credentials(secrets=[secret], options=options), now=0.0, scheme=scheme
    )


def mac(name: str = "sha256") -> bytes:
    return hmac.new(SECRET.encode(), BODY, name).digest()


def test_defaults() -> None:
    verdict = send([("X-Signature", mac().hex())])
    assert (verdict.accepted, verdict.event_type, verdict.event_id) == (True, "a.b", "e1")
    named = send([("X-Signature", mac().hex()), ("X-Event-Type", "t"), ("X-Event-Id", "i")])
    assert (named.event_type, named.event_id) == ("t", "i")
    assert send([]).reason == "signature_missing"
    assert send([("X-Signature", mac("sha1").hex())]).reason == "signature_malformed"
    assert send([("X-Signature", mac().hex())], secret="").reason == "signature_mismatch"


@pytest.mark.parametrize("name", ["sha1", "sha256", "sha512"])
def test_options(name: str) -> None:
    options = {"header": "X-Acme", "hash": name, "encoding": "base64", "prefix": "v1="}
    text = "v1=" + base64.b64encode(mac(name)).decode()
    assert send([("x-acme", text)], **options).accepted
    assert send([("x-acme", text.removeprefix("v1="))], **options).reason == "signature_malformed"
    assert send([("x-signature", text)], **options).reason == "signature_missing"


def test_places_of_type_and_id() -> None:
    signature = ("X-Signature", mac().hex())
    by_path = send([signature, ("X-Event-Type", "no")], event_type_path="meta.kind", event_id_path="meta.key")
    assert (by_path.event_type, by_path.event_id) == ("k", "7")
    by_header = send([signature, ("X-T", "t"), ("X-I", "i")], event_type_header="X-T", event_id_header="X-I")
    assert (by_header.event_type, by_header.event_id) == ("t", "i")
    both = send([signature], event_type_header="X-T", event_type_path="meta.kind")
    assert both.event_type == "k"


@pytest.mark.parametrize(
    "options",
    [
        {"hash": "md5"},
        {"hash": "SHA256"},
        {"encoding": "raw"},
        {"header": "a|b"},
        {"header": "{x}"},
        {"event_type_path": "a|b"},
    ],
)
def test_options_that_cannot_be_followed(options: dict[str, str]) -> None:
    verdict = send([("X-Signature", mac().hex())], **options)
    assert (verdict.accepted, verdict.reason) == (False, "signature_mismatch")
    assert "option" in verdict.detail


def test_unsigned_only_when_the_operator_chose_it() -> None:
    assert not send([]).accepted
    chosen = send([], scheme="unsigned")
    assert (chosen.accepted, chosen.event_type) == (True, "a.b")
