"""Bodies of calls through the proxy that go on while they come: at the provider's pace, once, and bounded."""

from __future__ import annotations

import hashlib
import http.client
import json
import select
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.factory import create_app
from gateway.oauth.protocol.places import places_of
from gateway.server.front import Front
from tests.integration.api.conftest import ApiUnderTest, code
from tests.services.connecting import connect, installation_for
from tests.services.loop_server import BOUNDS, SECONDS, LoopServer, loop_server
from tests.services.oauth_provider import OAuthProvider
from tests.services.upload_sink import SINK, UploadSink, upload_sink, write_entry

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
MEGABYTE = 1024 * 1024
LARGE = b"x" * (200 * 1024)
MOST_BYTES = 80 * MEGABYTE
# Sockets' buffers on loopback, on four sides.
BUFFERED_BYTES = 24 * MEGABYTE


@pytest.fixture
def sink() -> Iterator[UploadSink]:
    with upload_sink() as listening:
        yield listening


@pytest.fixture
def provider(oauth_server: OAuthProvider, fake_clock: FakeClock) -> OAuthProvider:
    oauth_server.reset(fake_clock)
    return oauth_server


@pytest.fixture
def api(
    settings: Settings, fake_clock: FakeClock, provider: OAuthProvider, sink: UploadSink, tmp_path: Path
) -> Iterator[ApiUnderTest]:
    bounded = replace(settings, proxy_body_bytes=MOST_BYTES)
    with installation_for(bounded, provider, tmp_path / "entries", fake_clock) as installation:
        write_entry(tmp_path / "entries", sink)
        made = ApiUnderTest(create_app(installation), installation, fake_clock)
        made.key = made.make_key("all")
        yield made


@pytest.fixture
def path(api: ApiUnderTest) -> str:
    draft = {"provider": SINK, "key": "some-key", "test": False}
    return f"/connections/{api.post('/connections', draft).get_json()['id']}/proxy/files"


@pytest.fixture
def server(api: ApiUnderTest) -> Iterator[LoopServer]:
    # Less than what passes, so that what is not given back shows.
    with loop_server(Front(api.app, threads=2), bounds=replace(BOUNDS, requests_bytes=2 * MEGABYTE)) as listening:
        yield listening


def begin(server: LoopServer, api: ApiUnderTest, path: str, *fields: str) -> socket.socket:
    """A connection on which the head of a PUT was sent."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS)
    lines = [f"PUT /api/v1{path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {api.key}", *fields, "", ""]
    connection.sendall("\r\n".join(lines).encode())
    return connection


def heard(connection: socket.socket) -> tuple[int, bytes]:
    response = http.client.HTTPResponse(connection)
    response.begin()
    return response.status, response.read()


def send_until_it_stalls(connection: socket.socket, piece: bytes, most: int) -> int:
    """How much was taken before nobody took any more."""
    connection.setblocking(False)
    sent = 0
    while sent < most and select.select([], [connection], [], 1.0)[1]:
        sent += connection.send(piece[: most - sent])
    connection.settimeout(SECONDS)
    return sent


def test_a_large_body_goes_on_as_it_comes(server: LoopServer, api: ApiUnderTest, path: str, sink: UploadSink) -> None:
    size, piece = 64 * MEGABYTE, bytes(range(256)) * 256
    with begin(server, api, path, f"Content-Length: {size}", "Content-Type: video/mp4") as connection:
        sent = send_until_it_stalls(connection, piece, size)
        sink.await_head()
        assert 0 < sent < BUFFERED_BYTES
        assert server.call(lambda: server.service.budget.held_bytes) < MEGABYTE
        sink.go_on.set()
        # Not where the last piece ended.
        rest = (piece[sent % len(piece) :] + piece * (size // len(piece)))[: size - sent]
        connection.sendall(rest)
        assert heard(connection) == (200, b"taken")
        taken = sink.await_end()
        assert b"content-type: video/mp4" in taken.head.lower()
        assert b"authorization: bearer some-key" in taken.head.lower()
        assert f"content-length: {size}".encode() in taken.head.lower()
        assert taken.digest == hashlib.sha256(piece * (size // len(piece))).hexdigest()
        # The connection serves another one.
        assert server.call(lambda: server.service.budget.held_bytes) < MEGABYTE


def test_a_body_of_unknown_length_goes_in_chunks(
    server: LoopServer, api: ApiUnderTest, path: str, sink: UploadSink
) -> None:
    sink.go_on.set()
    with begin(server, api, path, "Transfer-Encoding: chunked", "Expect: 100-continue") as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        for _ in range(100):
            connection.sendall(b"%x\r\n" % len(LARGE) + LARGE + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        assert heard(connection) == (200, b"taken")
        taken = sink.await_end()
        assert (taken.count, b"transfer-encoding: chunked" in taken.head.lower()) == (100 * len(LARGE), True)
        # What framing took was given back too, and the connection goes on.
        assert server.call(lambda: server.service.budget.held_bytes) < MEGABYTE
        connection.sendall(f"GET /api/v1/me HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {api.key}\r\n\r\n".encode())
        assert heard(connection)[0] == 200


def test_who_announces_too_much_is_told_at_once(
    server: LoopServer, api: ApiUnderTest, path: str, sink: UploadSink
) -> None:
    with begin(server, api, path, f"Content-Length: {MOST_BYTES + 1}") as connection:
        connection.sendall(LARGE)
        status, body = heard(connection)
    assert (status, json.loads(body)["code"]) == (413, "body_too_large")
    assert sink.taken == []


def test_who_sends_too_much_is_stopped(api: ApiUnderTest, path: str, sink: UploadSink) -> None:
    api.installation.settings = replace(api.installation.settings, proxy_body_bytes=len(LARGE) - 1)
    sink.go_on.set()
    with (
        loop_server(Front(api.app, threads=2)) as server,
        begin(server, api, path, "Transfer-Encoding: chunked") as out,
    ):
        out.sendall(b"%x\r\n" % len(LARGE) + LARGE + b"\r\n0\r\n\r\n")
        status, body = heard(out)
    assert (status, json.loads(body)["code"]) == (413, "body_too_large")
    assert not sink.await_end().is_whole


def test_a_client_that_leaves_ends_the_call(server: LoopServer, api: ApiUnderTest, path: str, sink: UploadSink) -> None:
    sink.go_on.set()
    with begin(server, api, path, f"Content-Length: {MEGABYTE}") as connection:
        connection.sendall(LARGE)
        sink.await_head()
    taken = sink.await_end()
    assert (taken.is_whole, taken.count < MEGABYTE) == (False, True)
    # Its place is free again.
    places = places_of(api.installation)
    for _ in range(places.count):
        with begin(server, api, path, "Content-Length: 3") as connection:
            connection.sendall(b"abc")
            assert heard(connection)[0] == 200


def test_a_provider_may_answer_before_the_end(
    server: LoopServer, api: ApiUnderTest, path: str, sink: UploadSink
) -> None:
    with begin(server, api, f"{path}/early", f"Content-Length: {20 * len(LARGE)}") as connection:
        connection.sendall(LARGE * 20)
        assert heard(connection) == (413, b"taken")


def put(api: ApiUnderTest, proxy: str, body: bytes) -> TestResponse:
    return api.ask("PUT", f"{proxy}/echo", data=body)


def test_a_streamed_body_is_sent_once_and_a_small_one_again(
    api: ApiUnderTest, provider: OAuthProvider, fake_clock: FakeClock
) -> None:
    proxy = f"/connections/{connect(api.installation, provider)}/proxy"
    fake_clock.advance(301)
    provider.answer_next("/api/echo", 401, {"error": "theirs"})
    refused = put(api, proxy, LARGE)
    assert (refused.status_code, refused.headers["Gateway-Upstream-Status"]) == (401, "401")
    assert (refused.headers["Gateway-Token"], len(provider.at("/api/echo"))) == ("renewed", 1)
    assert len(provider.granted("refresh_token")) == 1
    again = put(api, proxy, LARGE)
    assert (again.status_code, "Gateway-Token" in again.headers) == (200, False)
    assert again.get_json()["body"] == LARGE.decode()
    fake_clock.advance(301)
    provider.answer_next("/api/echo", 401)
    small = put(api, proxy, LARGE[: 64 * 1024])
    assert (small.status_code, "Gateway-Token" in small.headers) == (200, False)
    provider.lose_answers("/api/echo", times=1)
    before = len(provider.at("/api/echo"))
    assert code(put(api, proxy, LARGE)) == (502, "connection_failed")
    assert len(provider.at("/api/echo")) == before + 1
    provider.lose_answers("/api/echo", times=1)
    assert put(api, proxy, b"small").status_code == 200
