"""Bodies that are sent compressed: which, what is signed, and what happens where a system does not take them."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import random
import tracemalloc

import orjson
import pytest

from gateway.clients import errors
from gateway.clients.auth.oauth1 import OAuth1
from gateway.clients.auth.signed import AwsSigV4, HmacSigning
from tests.integration.clients.conftest import MakeClient
from tests.services.fault_server import FaultServer

LONG = {"text": "again and " * 200}


def test_only_large_bodies_are_compressed(make_client: MakeClient, server: FaultServer) -> None:
    client = make_client(compress_above_bytes=1000)

    assert orjson.loads(client.json("POST", "/takes-gzip", json=LONG)["body"]) == LONG
    client.post("/takes-gzip", json={"n": 1})
    client.post("/takes-gzip", json={"n": "x" * 500}, compress=True)
    client.post("/takes-gzip", json=LONG, compress=False)
    client.post("/takes-gzip", body=gzip.compress(b"x" * 9999, mtime=0), content_type="application/gzip")
    client.post("/takes-gzip", body=bytes(range(256)) * 4 + b"no gain", compress=True, content_type="image/png")
    client.post("/takes-gzip", form={"text": LONG["text"]})
    client.post("/takes-gzip", body=random.Random(1).randbytes(5000), compress=True)
    client.put("/takes-gzip", body=b"x" * 5000, headers={"Content-Encoding": "br"})
    client.get("/takes-gzip")

    compressed = [one.headers.get("content-encoding") == "gzip" for one in server.heard]
    assert compressed == [True, False, True] + [False] * 7
    assert len(server.heard[0].body) < 100
    assert server.heard[0].headers["content-type"] == "application/json"


def test_what_a_redirect_makes_a_get_has_no_encoding(make_client: MakeClient, server: FaultServer) -> None:
    make_client().post("/redirect", query={"to": "/there", "status": 303}, json=LONG, compress=True)

    assert [one.headers.get("content-encoding") for one in server.heard] == ["gzip", None]
    assert "content-type" not in server.heard[1].headers


def test_a_client_compresses_nothing_unless_it_is_told_to(make_client: MakeClient, server: FaultServer) -> None:
    make_client().post("/takes-gzip", json=LONG)

    assert "content-encoding" not in server.heard[0].headers


def test_a_system_that_takes_none_is_asked_once(make_client: MakeClient, server: FaultServer) -> None:
    client = make_client(compress_above_bytes=1000, idempotency_header="Idempotency-Key")

    first = client.post("/no-gzip", json=LONG)
    second = client.post("/no-gzip", json=LONG)
    client.post("/takes-gzip", json=LONG)

    assert (first.tries, second.tries) == (2, 1)
    assert orjson.loads(first.document["body"]) == LONG
    assert ["content-encoding" in one.headers for one in server.heard] == [True, False, False, True]
    assert server.heard[0].headers["idempotency-key"] == server.heard[1].headers["idempotency-key"]


def test_what_a_system_does_not_take_at_all_is_no_matter_of_compression(
    make_client: MakeClient, server: FaultServer
) -> None:
    client = make_client(compress_above_bytes=1000)

    for _ in range(2):
        with pytest.raises(errors.RequestRefused):
            client.post("/no-gzip", query={"never": 1}, json=LONG)

    assert ["content-encoding" in one.headers for one in server.heard] == [True, False] * 2


def test_signatures_are_over_what_travels(make_client: MakeClient, server: FaultServer) -> None:
    sigv4 = AwsSigV4("AKID", "secret", region="eu-west-1", service="execute-api")
    digest = HmacSigning(b"k" * 16, lambda call, now: call.body or b"", header="X-Signature")

    make_client(auth=sigv4, compress_above_bytes=1000).post("/no-gzip", json=LONG)
    make_client(auth=digest, compress_above_bytes=1000).post("/takes-gzip", json=LONG)

    hashes = [one.headers["x-amz-content-sha256"] for one in server.heard[:2]]
    assert hashes == [hashlib.sha256(one.body).hexdigest() for one in server.heard[:2]]
    assert hashes[0] != hashes[1]
    assert server.heard[2].headers["content-encoding"] == "gzip"
    assert server.heard[2].headers["x-signature"] == _hmac(server.heard[2].body)


def test_a_form_that_is_signed_field_by_field_goes_as_it_is(make_client: MakeClient, server: FaultServer) -> None:
    make_client(auth=OAuth1("k", "s"), compress_above_bytes=10).post("/a", form={"text": "x" * 5000}, compress=True)

    assert server.heard[0].body == b"text=" + b"x" * 5000
    assert server.heard[0].headers["authorization"].startswith("OAuth ")


@pytest.mark.parametrize("path", ["/bomb", "/deflate-bomb"])
def test_a_bomb_is_not_unpacked(make_client: MakeClient, path: str) -> None:
    client = make_client(max_bytes=100_000)
    client.get("/takes-gzip")
    with pytest.raises(errors.ResponseTooLarge):
        client.get(path)

    tracemalloc.start()
    with pytest.raises(errors.ResponseTooLarge):
        client.get(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    # Of 20 MB that it would be.
    assert peak < 2_000_000


def _hmac(body: bytes) -> str:
    return hmac.new(b"k" * 16, body, "sha256").hexdigest()
