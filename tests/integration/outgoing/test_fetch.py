"""Guarded fetching against real servers: good ones, slow ones, dripping ones, large ones, and forbidden ones."""

from __future__ import annotations

import itertools
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from gateway.errors import AddressForbidden
from gateway.outgoing.caps import Caps
from gateway.outgoing.document import FetchedResponse, FetchFailed
from gateway.outgoing.fetch import Fetcher
from gateway.outgoing.resolver import StaticResolver
from gateway.security.ssrf import AddressPolicy

HOST = "certs.example"
Send = Callable[[bytes], object]


def fetch(
    server: Any,
    *,
    scheme: str = "http",
    allow_private: bool = True,
    timeout_seconds: float = 5,
    max_bytes: int = 1000,
    ssl_context: ssl.SSLContext | None = None,
) -> FetchedResponse:
    fetcher = Fetcher(
        StaticResolver({HOST: [["127.0.0.1"], ["169.254.169.254"]]}),
        AddressPolicy(allow_private=allow_private),
        caps=Caps(timeout_seconds, max_bytes),
        ssl_context=ssl_context,
    )
    return fetcher.get(f"{scheme}://{HOST}:{server.port}/cert.pem?token=hidden")


def document(send: Send) -> None:
    send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Kind: pem\r\n\r\nbody")


def test_the_document_comes_back(serve: Callable[..., Any]) -> None:
    server = serve(document)
    response = fetch(server)
    assert (response.status, response.headers["x-kind"], response.body) == (200, "pem", b"body")
    assert server.requests[0].startswith(b"GET /cert.pem?token=hidden HTTP/1.1\r\n")
    assert f"Host: {HOST}:{server.port}".encode() in server.requests[0]


def test_the_limit_itself_is_allowed(serve: Callable[..., Any]) -> None:
    assert fetch(serve(document), max_bytes=4).body == b"body"


def test_tls_is_verified_for_the_name_and_not_the_address(serve: Callable[..., Any], certificate: Any) -> None:
    server = serve(document, tls=True)
    assert fetch(server, scheme="https", ssl_context=certificate.client).body == b"body"
    assert server.server_names == [HOST]


def test_an_untrusted_certificate_is_refused(serve: Callable[..., Any]) -> None:
    server = serve(document, tls=True)
    with pytest.raises(FetchFailed, match="SSLCertVerificationError"):
        fetch(server, scheme="https")
    assert server.requests == []


def test_a_forbidden_address_is_not_connected_to(serve: Callable[..., Any]) -> None:
    server = serve(document)
    with pytest.raises(AddressForbidden):
        fetch(server, allow_private=False)
    assert server.requests == []


def test_a_literal_is_judged_too(serve: Callable[..., Any]) -> None:
    server = serve(document)
    with pytest.raises(AddressForbidden):
        Fetcher(StaticResolver({}), AddressPolicy(allow_private=False)).get(f"http://127.0.0.1:{server.port}/")
    assert server.requests == []


def test_redirects_are_not_followed(serve: Callable[..., Any]) -> None:
    server = serve(lambda send: send(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"))
    response = fetch(server)
    assert (response.status, response.headers["location"]) == (302, "/elsewhere")
    assert len(server.requests) == 1


@pytest.mark.parametrize("length", [b"Content-Length: 100000\r\n", b""])
def test_a_large_answer_is_cut_off(serve: Callable[..., Any], length: bytes) -> None:
    server = serve(lambda send: send(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n" + b"x" * 100_000))
    with pytest.raises(FetchFailed, match="larger than 1000 bytes"):
        fetch(server)


def test_a_compressed_answer_is_not_unpacked(serve: Callable[..., Any]) -> None:
    server = serve(lambda send: send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nbomb"))
    assert fetch(server).body == b"bomb"


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nX-Long: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_bytes_that_drip_do_not_stretch_the_deadline(serve: Callable[..., Any], start: bytes) -> None:
    over = threading.Event()

    def drip(send: Send) -> None:
        send(start)
        for _ in itertools.takewhile(lambda _: not over.wait(0.02), itertools.count()):
            send(b"x")

    server = serve(drip if start else lambda _send: over.wait(60))
    began = time.monotonic()
    with pytest.raises(FetchFailed, match=r"within 0\.3 seconds"):
        fetch(server, timeout_seconds=0.3)
    over.set()
    assert time.monotonic() - began < 8


def test_a_server_that_is_not_there_is_a_failure_without_the_url(serve: Callable[..., Any]) -> None:
    server = serve(document)
    server.port = 1
    with pytest.raises(FetchFailed) as caught:
        fetch(server)
    assert "hidden" not in str(caught.value)


def test_an_answer_that_is_not_http_is_a_failure(serve: Callable[..., Any]) -> None:
    server = serve(lambda send: send(b"SSH-2.0-OpenSSH_9\r\n\r\n"))
    with pytest.raises(FetchFailed):
        fetch(server)


def test_an_answer_that_breaks_off_is_a_failure(serve: Callable[..., Any]) -> None:
    server = serve(lambda send: send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"))
    with pytest.raises(FetchFailed):
        fetch(server)


def test_it_says_who_asks_and_how_it_wants_it(serve: Callable[..., Any]) -> None:
    server = serve(document)
    fetch(server)
    head = server.requests[0]
    assert b"\r\nUser-Agent: gateway/1 (fetch)\r\n" in head
    assert b"\r\nAccept-Encoding: identity\r\n" in head


def test_a_url_is_asked_for_as_it_was_checked(serve: Callable[..., Any]) -> None:
    server = serve(document)
    resolver = StaticResolver({HOST: [["127.0.0.1"]]})
    Fetcher(resolver, AddressPolicy(allow_private=True)).get(f"http://{HOST}:{server.port}/a%7Eb?c=%41")
    assert server.requests[0].startswith(b"GET /a%7Eb?c=%41 HTTP/1.1\r\n")


class Hanging:
    """A resolver whose name server answers when it is told to."""

    def __init__(self) -> None:
        self.told = threading.Event()

    def resolve(self, host: str) -> list[str]:
        assert self.told.wait(60)
        return ["127.0.0.1"]


def test_a_name_server_that_hangs_does_not_stretch_the_deadline_either(serve: Callable[..., Any]) -> None:
    server = serve(document)
    resolver = Hanging()
    with pytest.raises(FetchFailed, match=r"within 0\.2 seconds"):
        Fetcher(resolver, AddressPolicy(allow_private=True), caps=Caps(0.2, 100)).get(f"http://{HOST}:{server.port}/")
    resolver.told.set()


@pytest.mark.parametrize(
    ("scheme", "start", "drop"),
    [("http", b"", b"HTTP/1.1 100 Continue\r\n\r\n"), ("https", b"\x16\x03\x03\x40\x00", b"x")],
    ids=["headers", "handshake"],
)
def test_nothing_of_a_fetch_is_left_behind_after_its_deadline(
    serve: Callable[..., Any], scheme: str, start: bytes, drop: bytes
) -> None:
    over = threading.Event()

    def drip(send: Send) -> None:
        send(start)
        for _ in itertools.takewhile(lambda _: not over.wait(0.02), itertools.count()):
            send(drop)

    server = serve(drip, at_once=True)
    with pytest.raises(FetchFailed, match=r"within 0\.3 seconds"):
        fetch(server, scheme=scheme, timeout_seconds=0.3)
    for thread in threading.enumerate():
        if thread.name == "exchange":
            thread.join(60)
            assert not thread.is_alive()
    over.set()
