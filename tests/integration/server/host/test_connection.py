"""Connections over real sockets: answers, their order, and how long a client is waited for."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.server.host.budget import ALWAYS_BYTES
from gateway.server.host.connection import BODY_SECONDS, FIRST_REQUEST_SECONDS, TAKE_SECONDS, Connection
from gateway.server.host.exchange import Exchange
from tests.services.loop_server import BOUNDS, LoopServer, loop_server, read_all
from tests.services.raw_http import chunked, read_answer
from tests.services.waiting import until

GET = b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n"
FLOOD_PIECES = 300
LAST = b"GET / HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n"


class Application:
    """Does what the path says, and keeps what it was asked."""

    def __init__(self) -> None:
        self.scopes: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        self.pieces = 0
        self.left = threading.Event()
        self.asked = threading.Event()
        self.go_on = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        self.asked.set()
        action = getattr(self, "do_" + scope["path"].strip("/").replace("/", "_"), self.do_)
        await action(receive, send)

    async def body(self, receive: Any) -> bytes:
        body, message = b"", {"more_body": True}
        while message.get("more_body"):
            message = await receive()
            body += message.get("body", b"")
        ended = b"overloaded" if message.get("overloaded") else b"disconnect"
        self.bodies.append(body if message["type"] == "http.request" else ended)
        return body

    async def answer(self, send: Any, body: bytes, *headers: tuple[bytes, bytes], status: int = 200) -> None:
        length = (b"content-length", b"%d" % len(body))
        await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
        await send({"type": "http.response.body", "body": body})

    async def do_(self, receive: Any, send: Any) -> None:
        body = await self.body(receive)
        await self.answer(send, b"%d:" % len(self.scopes) + body)

    async def do_deaf(self, receive: Any, send: Any) -> None:
        await self.answer(send, b"deaf")

    async def do_wait(self, receive: Any, send: Any) -> None:
        await asyncio.to_thread(self.go_on.wait, 20)
        await self.answer(send, b"waited")

    async def do_close(self, receive: Any, send: Any) -> None:
        await self.answer(send, b"bye", (b"Connection", b"close"))

    async def do_empty(self, receive: Any, send: Any) -> None:
        await self.answer(send, b"not to be sent", status=204)

    async def do_fail(self, receive: Any, send: Any) -> None:
        raise ValueError("on purpose")

    async def do_nothing(self, receive: Any, send: Any) -> None:
        pass

    async def do_split(self, receive: Any, send: Any) -> None:
        await self.answer(send, b"", (b"X-Split", b"a\r\nX-Other: b"))

    async def do_short(self, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
        await send({"type": "http.response.body", "body": b"short"})

    async def do_long(self, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"long"})

    async def do_stream(self, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in (b"one", b"", b"three"):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})

    async def do_flood(self, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(FLOOD_PIECES):
            self.pieces += 1
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
        await send({"type": "http.response.body"})

    async def do_sip(self, receive: Any, send: Any) -> None:
        await receive()
        await asyncio.to_thread(self.go_on.wait, 20)
        await self.body(receive)
        await self.answer(send, b"sipped")

    async def do_keep(self, receive: Any, send: Any) -> None:
        await self.body(receive)
        await asyncio.to_thread(self.go_on.wait, 20)
        await self.answer(send, b"kept")

    async def do_listen(self, receive: Any, send: Any) -> None:
        await self.body(receive)
        assert (await receive())["type"] == "http.disconnect"
        self.left.set()
        await self.answer(send, b"nobody hears this")

    async def do_stream_until_left(self, receive: Any, send: Any) -> None:
        await self.body(receive)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        assert (await receive())["type"] == "http.disconnect"

    async def do_forever(self, receive: Any, send: Any) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.left.set()


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.fixture
def server(application: Application) -> Iterator[LoopServer]:
    with loop_server(application) as server:
        yield server
        application.go_on.set()


def get(path: str, *lines: bytes, method: bytes = b"GET", version: bytes = b"1.1") -> bytes:
    head = [b"%s %s HTTP/%s" % (method, path.encode(), version), b"Host: gateway", *lines]
    return b"\r\n".join(head) + b"\r\n\r\n"


def sent_until_full(client: socket.socket, data: bytes) -> int:
    """How much of `data` the server and the network take while the server reads no more."""
    sent = 0
    view = memoryview(data)
    client.settimeout(0.5)
    with contextlib.suppress(TimeoutError):
        while sent < len(data):
            sent += client.send(view[sent : sent + 65_536])
    client.settimeout(20)
    return sent


def test_a_request_as_the_application_sees_it(server: LoopServer, application: Application) -> None:
    with server.connected() as client:
        client.sendall(get("/a%20b?c=d", b"X-Y: z", b"Content-Length: 2", method=b"POST") + b"hi")
        answer = read_answer(client)
        assert answer is not None
        assert (answer.status, answer.body) == (200, b"1:hi")
        assert answer.headers["date"].endswith("GMT")
        assert "connection" not in answer.headers
        scope = application.scopes[0]
        assert scope["type"], scope["scheme"] == ("http", "http")
        assert (scope["method"], scope["path"], scope["raw_path"]) == ("POST", "/a b", b"/a%20b")
        assert (scope["query_string"], scope["http_version"]) == (b"c=d", "1.1")
        assert (b"x-y", b"z") in scope["headers"]
        assert scope["client"] == client.getsockname()
        assert scope["server"] == ("127.0.0.1", server.port)


def test_requests_one_behind_the_other_are_answered_in_order(server: LoopServer) -> None:
    post = get("/", b"Transfer-Encoding: chunked", method=b"POST")
    heard = server.exchange(post + chunked(b"first") + post + chunked(b"second") + GET * 40 + LAST + GET)
    assert heard.count(b"HTTP/1.1 200 OK") == 43
    assert heard.index(b"1:first") < heard.index(b"2:second") < heard.index(b"\r\n\r\n42:") < heard.index(b"43:")
    assert heard.count(b"Connection: close") == 1


def test_a_flood_of_requests_waits_in_the_network(server: LoopServer, application: Application) -> None:
    with server.connected() as client:
        client.sendall(get("/wait"))
        assert application.asked.wait(60)
        assert sent_until_full(client, GET * 200_000) < len(GET) * 200_000
        assert len(application.scopes) == 1
        application.go_on.set()
        assert b"waited" in client.recv(4096)


@pytest.mark.parametrize(
    ("request_", "status", "is_last"),
    [
        (get("/close"), 200, True),
        (get("/", b"Connection: close"), 200, True),
        (get("/", version=b"1.0"), 200, True),
        (get("/stream", b"Connection: keep-alive", version=b"1.0"), 200, True),
        (get("/fail"), 500, True),
        (get("/nothing"), 500, True),
        (get("/split"), 500, True),
        (get("/short"), 200, True),
        (get("/long"), 200, False),
        (get("/empty"), 204, False),
        (get("/", method=b"HEAD"), 200, False),
        (get("/stream", method=b"HEAD"), 200, False),
        # What is left of the body cannot be told from a request.
        (get("/deaf", b"Content-Length: 100000", method=b"POST") + GET, 200, True),
        (get("/", b"Content-Length: 18446744073709551618", method=b"POST") + b"ab" + GET, 400, True),
        (get("/deaf", b"Transfer-Encoding: chunked", method=b"POST") + b"10000000000000001\r\n" + GET, 400, True),
        (get("/", b"Connection: Upgrade", b"Upgrade: websocket"), 403, True),
        (get("/", b"Connection: Upgrade", b"Upgrade: h2c"), 200, True),
        (get("/", b"X: " + b"a" * 200_000), 431, True),
        (b"GET / HTTP/1.1\r\n\r\n", 400, True),
    ],
)
def test_whether_a_connection_goes_on(server: LoopServer, request_: bytes, status: int, is_last: bool) -> None:
    heard = server.exchange(request_ + LAST)
    assert int(heard.split()[1]) == status
    assert heard.count(b"HTTP/1.1 ") == (1 if is_last else 2)
    assert b"X-Other" not in heard
    if is_last:
        assert heard.lower().count(b"connection: close\r\n") == (not heard.endswith(b"short"))


def test_answers_without_a_body(server: LoopServer) -> None:
    heard = server.exchange(get("/", method=b"HEAD") + get("/empty") + get("/stream", b"Connection: close"))
    head, empty, stream = heard.split(b"HTTP/1.1 ")[1:]
    assert b"content-length: 2\r\n" in head
    assert head.endswith(b"\r\n\r\n")
    assert empty.startswith(b"204 No Content\r\n")
    assert b"content-length" not in empty
    assert empty.endswith(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked\r\n" in stream
    assert stream.endswith(b"\r\n\r\n3\r\none\r\n5\r\nthree\r\n0\r\n\r\n")


def test_a_stream_in_http_1_0_ends_with_the_connection(server: LoopServer) -> None:
    heard = server.exchange(get("/stream", b"Connection: keep-alive", version=b"1.0"))
    assert b"Transfer-Encoding" not in heard
    assert heard.endswith(b"\r\n\r\nonethree")


def test_a_client_that_may_send_its_body(server: LoopServer) -> None:
    asking = get("/", b"Expect: 100-continue", b"Content-Length: 2", method=b"POST")
    with server.connected() as client:
        client.sendall(asking)
        assert client.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"hi" + LAST)
        assert b"1:hi" in read_all(client)
    # Not asked when the body is there, and not when nobody wants it.
    assert b"Continue" not in server.exchange(asking + b"hi" + LAST)
    assert b"Continue" not in server.exchange(asking.replace(b"POST /", b"POST /deaf"))


def test_an_answer_waits_for_a_slow_client(server: LoopServer, application: Application) -> None:
    with server.connected() as client:
        client.sendall(get("/flood", b"Connection: close"))
        until(lambda: application.pieces, "an answer began")
        seen = until_still(application)
        assert seen < FLOOD_PIECES / 2
        assert len(read_all(client)) > FLOOD_PIECES * 65_536
    assert application.pieces == FLOOD_PIECES


def until_still(application: Application) -> int:
    """How many pieces were sent when no more are, for a while."""
    seen = -1

    def is_still() -> bool:
        nonlocal seen
        before, seen = seen, application.pieces
        return before == seen

    until(is_still, "the answer waits", every_seconds=0.2)
    return seen


def test_a_body_waits_for_a_slow_application(server: LoopServer, application: Application) -> None:
    size = 20_000_000
    with server.connected() as client:
        client.sendall(get("/sip", b"Content-Length: %d" % size, b"Connection: close", method=b"POST"))
        sent = sent_until_full(client, b"x" * size)
        assert sent < size
        application.go_on.set()
        client.sendall(b"x" * (size - sent))
        assert b"sipped" in read_all(client)


def test_an_application_hears_that_its_client_left(server: LoopServer, application: Application) -> None:
    with server.connected() as client:
        client.sendall(get("/listen"))
        assert application.asked.wait(60)
    assert application.left.wait(60)
    until(lambda: server.connections() == 0, "the connection is gone")
    with server.connected() as client:
        client.sendall(get("/forever"))
        until(lambda: len(application.scopes) == 2, "asked")
        application.left.clear()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    assert application.left.wait(60), "what nobody waits for is not cancelled"


def test_a_listener_that_leaves_is_no_error(server: LoopServer, caplog: pytest.LogCaptureFixture) -> None:
    with server.connected() as client:
        client.sendall(get("/stream/until/left"))
        client.recv(10_000)
    until(lambda: server.connections() == 0, "the connection is gone")
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
    with server.connected() as client:
        client.sendall(get("/nothing"))
        read_all(client)
    assert "without a whole answer" in caplog.text


def test_a_body_that_breaks_off(server: LoopServer, application: Application) -> None:
    with server.connected() as client:
        client.sendall(get("/", b"Content-Length: 5", method=b"POST") + b"hi")
        client.shutdown(socket.SHUT_WR)
        read_all(client)
    assert application.bodies == [b"disconnect"]


def test_a_client_that_has_said_everything_still_hears_its_answer(server: LoopServer) -> None:
    with server.connected() as client:
        client.sendall(get("/", b"Content-Length: 2", method=b"POST") + b"hi")
        client.shutdown(socket.SHUT_WR)
        assert b"1:hi" in read_all(client)


def test_how_long_clients_are_waited_for(server: LoopServer, application: Application) -> None:
    with (
        server.connected() as silent,
        server.connected() as slow,
        server.connected() as used,
        server.connected() as busy,
    ):
        slow.sendall(b"GET / HTTP/1.1\r\nHost:")
        used.sendall(GET)
        assert read_answer(used) is not None
        busy.sendall(get("/wait"))
        until(lambda: len(application.scopes) == 2, "asked")
        until(lambda: server.connections() == 4, "connected")
        server.give_up(after_seconds=FIRST_REQUEST_SECONDS - 5)
        assert server.connections() == 4
        server.give_up(after_seconds=FIRST_REQUEST_SECONDS)
        assert silent.recv(1) == slow.recv(1) == b""
        server.give_up(after_seconds=70)
        until(lambda: server.connections() == 2, "two are left")
        server.give_up(after_seconds=75)
        assert used.recv(1) == b""
        server.give_up(after_seconds=3600)
        application.go_on.set()
        answer = read_answer(busy)
        assert answer is not None
        assert answer.body == b"waited"


def test_a_body_is_waited_for_as_long_as_it_keeps_coming(server: LoopServer, application: Application) -> None:
    with server.connected() as client:
        client.sendall(get("/", b"Content-Length: 5", method=b"POST") + b"hi")
        assert application.asked.wait(60)
        server.give_up(after_seconds=BODY_SECONDS - 5)
        client.sendall(b"h")
        server.give_up(after_seconds=BODY_SECONDS + 1)
        assert b"HTTP/1.1 200" in read_all(client)
    assert application.bodies == [b"disconnect"]


def test_the_end_waits_for_requests_only(server: LoopServer, application: Application) -> None:
    with server.connected() as idle, server.connected() as used, server.connected() as busy:
        used.sendall(GET)
        assert read_answer(used) is not None
        busy.sendall(get("/wait") + GET)
        until(lambda: len(application.scopes) == 2, "asked")
        until(lambda: server.connections() == 3, "connected")
        server.begin_end()
        assert idle.recv(1) == used.recv(1) == b""
        application.go_on.set()
        heard = read_all(busy)
        # Of the second one its client knows that it was not served: the first answer was the last.
        assert heard.count(b"HTTP/1.1 200") == 1
        assert b"Connection: close" in heard
    until(lambda: server.connections() == 0, "all are gone")


def test_unix_sockets(application: Application, tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "web"))
    listener.listen()
    with loop_server(application, listener=listener), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(tmp_path / "web"))
        client.sendall(LAST)
        assert b"1:" in read_all(client)
    assert application.scopes[0]["client"] is None
    assert application.scopes[0]["server"] == (str(tmp_path / "web"), None)


POST = get("/", b"Content-Length: 70000", method=b"POST")
PIECE = b"x" * 60_000


@pytest.fixture
def small(application: Application) -> Iterator[LoopServer]:
    """One that holds no more than a body and a half of these."""
    with loop_server(application, bounds=replace(BOUNDS, requests_bytes=150_000)) as server:
        yield server
        application.go_on.set()


def held(server: LoopServer) -> int:
    return int(server.call(lambda: server.service.budget.held_bytes))


def test_the_request_that_has_been_coming_for_longest_makes_room(small: LoopServer, application: Application) -> None:
    told: list[str] = []
    small.service.state["refused"] = told.append
    with small.connected() as first, small.connected() as second, small.connected() as third:
        for number, client in enumerate((first, second), 1):
            client.sendall(POST + PIECE)
            until(lambda bytes_=number * 60_000: held(small) > bytes_, "it came")  # type: ignore[misc]
        third.sendall(POST + PIECE)
        answer = read_all(first)
        assert application.bodies == [b"overloaded"]
        assert told == ["budget_spent"]
        assert b"Connection: close" in answer
        for client in (second, third):
            client.sendall(b"x" * 10_000)
            found = read_answer(client)
            assert found is not None
            assert len(found.body) > 70_000
    until(lambda: held(small) == 0, "all is given back")


def test_a_head_that_is_coming_makes_room_too(small: LoopServer) -> None:
    with small.connected() as head, small.connected() as body:
        head.sendall(b"GET / HTTP/1.1\r\nHost: gateway\r\nX: " + PIECE)
        until(lambda: held(small) > 60_000, "it came")
        body.sendall(get("/", b"Content-Length: 100000", method=b"POST") + b"x" * 99_000)
        answer = read_answer(head)
        assert answer is not None
        assert (answer.status, answer.headers["retry-after"]) == (503, "2")
        body.sendall(b"x" * 1_000)
        assert read_answer(body) is not None


def test_small_requests_pass_while_whole_ones_fill_the_budget(small: LoopServer, application: Application) -> None:
    with small.connected() as large, small.connected() as little, small.connected() as second:
        large.sendall(get("/keep", b"Content-Length: 149000", method=b"POST") + b"x" * 149_000)
        until(lambda: application.bodies, "the application has it")
        application.bodies.clear()
        little.sendall(get("/", b"Content-Length: 9000", method=b"POST") + b"x" * 9_000)
        found = read_answer(little)
        assert found is not None
        assert found.body.endswith(b"x" * 9_000)
        second.sendall(get("/", b"Content-Length: 20000", method=b"POST") + b"x" * 20_000)
        assert read_answer(second) is not None
        assert application.bodies == [b"x" * 9_000, b"overloaded"]
    assert ALWAYS_BYTES > 9_000


def test_nothing_is_held_after_answers(server: LoopServer) -> None:
    heard = server.exchange(GET * 30 + POST + b"x" * 70_000 + GET + LAST)
    assert heard.count(b"HTTP/1.1 200") == 33
    with server.connected() as client:
        client.sendall(POST + PIECE)
        until(lambda: held(server) > 60_000, "it came")
    until(lambda: held(server) == 0, "all is given back")
    with server.connected() as client:
        # The beginning of the next request is held, and only that.
        client.sendall(GET + b"GET / HT")
        assert read_answer(client) is not None
        assert 0 < held(server) <= len(GET) + 8
    assert server.exchange(b"GET / HTTP/1.1\r\nHost: \x00").startswith(b"HTTP/1.1 400")
    until(lambda: held(server) == 0, "all is given back")


def test_a_connection_leaves_nothing_behind(server: LoopServer) -> None:
    """Else what a storm left would stay until the next search for garbage, which is seldom."""
    gc.collect()
    gc.disable()
    try:
        for data in (b"TRASH\r\n\r\n", POST + PIECE, get("/close"), CHUNKS + b"1\r\na\r\n" * 40_000, b""):
            with server.connected() as client:
                # The server may be gone by then, which `shutdown` tells by another error.
                with contextlib.suppress(OSError):
                    client.sendall(data)
                    client.shutdown(socket.SHUT_WR)
                read_all(client)
        until(lambda: server.connections() == 0, "they are gone")
        until(lambda: not left_over(), left_over)
    finally:
        gc.enable()


CHUNKS = get("/", b"Transfer-Encoding: chunked", method=b"POST")


def left_over() -> list[object]:
    return [one for one in gc.get_objects() if isinstance(one, Connection | Exchange)]


def test_there_are_so_many_connections(application: Application) -> None:
    with (
        loop_server(application, bounds=replace(BOUNDS, connections=2)) as server,
        server.connected() as silent,
        server.connected() as used,
    ):
        used.sendall(GET)
        assert read_answer(used) is not None
        with server.connected() as newest:
            newest.sendall(GET)
            assert read_answer(newest) is not None
            assert silent.recv(1) == b""
            # Who has asked for something keeps nobody out either, while nothing is under way there.
            newest.sendall(GET)
            assert read_answer(newest) is not None
            assert server.exchange(LAST).startswith(b"HTTP/1.1 200")
            assert used.recv(1) == b""


def test_a_request_that_comes_makes_room_and_one_that_came_makes_none(application: Application) -> None:
    with loop_server(application, bounds=replace(BOUNDS, connections=2)) as server, server.connected() as waiting:
        waiting.sendall(get("/wait"))
        until(lambda: len(application.scopes) == 1, "it came")
        with server.connected() as slow:
            slow.sendall(get("/", b"Content-Length: 2", method=b"POST") + b"1")
            until(lambda: len(application.scopes) == 2, "it is coming")
            with server.connected() as newest:
                newest.sendall(get("/wait"))
                assert read_all(slow) == b""
                until(lambda: len(application.scopes) == 3, "it came")
                assert server.exchange(GET) == b""
                application.go_on.set()
                for client in (waiting, newest):
                    answer = read_answer(client)
                    assert answer is not None
                    assert answer.body == b"waited"


@pytest.mark.parametrize("line", [b"X: y", b"Connection: close"])
def test_who_takes_nothing_of_an_answer_is_given_up(server: LoopServer, application: Application, line: bytes) -> None:
    with server.connected() as client:
        client.sendall(get("/flood", line))
        until(lambda: application.pieces, "an answer began")
        until_still(application)
        for seconds in (0, TAKE_SECONDS - 5):
            server.give_up(after_seconds=seconds)
            assert server.connections() == 1
        server.give_up(after_seconds=TAKE_SECONDS + 1)
        until(lambda: server.connections() == 0, "given up")
