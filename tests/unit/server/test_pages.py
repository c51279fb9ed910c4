"""Flask's pages on an event loop: whole and in pieces, at their client's pace, and closed when it leaves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator

from flask import Flask, Response, request, session, stream_with_context
from werkzeug.test import create_environ

from gateway.server.messages import Message
from gateway.server.pages import WHOLE_BYTES, Pages
from gateway.streams import stream

WAIT_SECONDS = 20.0


class Client:
    """Asks for one page. What it has been sent is in `messages`; it takes no piece after the first `takes`."""

    def __init__(self, path: str, *, body: bytes = b"", takes: int = 1_000_000, **headers: str) -> None:
        self._left = asyncio.Event()
        self._pieces_come = asyncio.Event()
        self.messages: list[Message] = []
        self.takes = takes
        self.body = body
        self.scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST" if body else "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }

    async def receive(self) -> Message:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.messages.append(message)
        if self.pieces:
            self._pieces_come.set()
        if len(self.pieces) >= self.takes:
            # A server waits here until the client has taken what it was sent.
            await asyncio.Event().wait()

    def leave(self) -> None:
        self._left.set()

    async def first_piece(self) -> None:
        await self._pieces_come.wait()

    @property
    def pieces(self) -> list[bytes]:
        return [message["body"] for message in self.messages if message.get("more_body")]

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def text(self) -> str:
        return b"".join(message["body"] for message in self.messages[1:]).decode()

    def header(self, name: bytes) -> bytes | None:
        return dict(self.messages[0]["headers"]).get(name)


def visit(app: Flask, *visits: Callable[[Pages], Awaitable[None]], threads: int = 2) -> None:
    """Do this with the pages of `app`."""

    async def run() -> None:
        pages = Pages(app, threads, lambda: 0)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                for one in visits:
                    await one(pages)
        finally:
            pages.close()

    asyncio.run(run())


async def get(pages: Pages, client: Client) -> None:
    await pages.serve(client.scope, client.body, client.receive, client.send)


def test_a_whole_answer_is_one_message() -> None:
    app = Flask("test")

    @app.post("/echo")
    def echo() -> bytes:
        return request.get_data() + request.headers["X-Word"].encode()

    async def ask(pages: Pages) -> None:
        client = Client("/echo", body=b"some ", **{"X-Word": "words"})
        await get(pages, client)
        assert (client.status, client.text, len(client.messages)) == (200, "some words", 2)
        assert client.header(b"content-length") == b"10"

    visit(app, ask)


def test_pages_may_have_sessions() -> None:
    app = Flask("test")
    app.secret_key = "of this test"

    @app.get("/count")
    def count() -> str:
        session["visits"] = session.get("visits", 0) + 1
        return str(session["visits"])

    async def ask(pages: Pages) -> None:
        first = Client("/count")
        await get(pages, first)
        cookie = first.header(b"set-cookie")
        assert cookie is not None
        again = Client("/count", Cookie=cookie.decode().split(";")[0])
        await get(pages, again)
        assert (first.text, again.text) == ("1", "2")

    visit(app, ask)


def test_pieces_come_as_they_are_made_and_no_faster_than_they_are_taken() -> None:
    app, made, closed = Flask("test"), [], threading.Event()

    @app.get("/pieces")
    def pieces() -> Response:
        def make() -> Iterator[str]:
            try:
                for number in range(300):
                    made.append(number)
                    yield f"{request.path} {number}\n"
            finally:
                closed.set()

        return Response(stream_with_context(make()))

    async def ask(pages: Pages) -> None:
        client = Client("/pieces")
        await get(pages, client)
        assert client.text.splitlines() == [f"/pieces {number}" for number in range(300)]
        assert await asyncio.to_thread(closed.wait, WAIT_SECONDS)

    async def ask_and_leave(pages: Pages) -> None:
        made.clear()
        closed.clear()
        client = Client("/pieces", takes=3)
        asking = asyncio.create_task(get(pages, client))
        await client.first_piece()
        client.leave()
        await asking
        # Its context too: in whatever thread the last step was.
        assert await asyncio.to_thread(closed.wait, WAIT_SECONDS)
        assert len(made) <= 4

    visit(app, ask, ask_and_leave)


def test_clients_that_take_nothing_hold_no_thread() -> None:
    app = Flask("test")

    @app.get("/large")
    def large() -> Response:
        return Response(iter([b"x" * 1000] * 10), content_type="text/plain")

    @app.get("/small")
    def small() -> str:
        return "small"

    async def ask(pages: Pages) -> None:
        slow = [Client("/large", takes=1) for _ in range(20)]
        asking = [asyncio.create_task(get(pages, client)) for client in slow]
        for client in slow:
            await client.first_piece()
        quick = Client("/small")
        await get(pages, quick)
        assert quick.text == "small"
        for client in slow:
            client.leave()
        await asyncio.gather(*asking)

    visit(app, ask)


def test_a_large_answer_of_known_length_comes_in_pieces() -> None:
    app = Flask("test")

    @app.get("/large")
    def large() -> bytes:
        return b"x" * (WHOLE_BYTES + 1)

    async def ask(pages: Pages) -> None:
        client = Client("/large")
        await get(pages, client)
        assert len(client.text) == WHOLE_BYTES + 1
        assert client.pieces

    visit(app, ask)


def test_listeners_take_no_thread_and_are_let_go_of() -> None:
    app, ended = Flask("test"), []

    @app.get("/events")
    def events() -> Response:
        async def make() -> AsyncGenerator[bytes, None]:
            try:
                yield b"data: hello\n\n"
                await asyncio.Event().wait()
            finally:
                ended.append(threading.current_thread())

        return stream(make())

    @app.get("/small")
    def small() -> str:
        return "small"

    async def ask(pages: Pages) -> None:
        before = threading.active_count()
        listeners = [Client("/events") for _ in range(200)]
        asking = [asyncio.create_task(get(pages, client)) for client in listeners]
        for client in listeners:
            await client.first_piece()
        assert threading.active_count() < before + 20
        quick = Client("/small")
        await get(pages, quick)
        assert quick.text == "small"
        assert listeners[0].header(b"content-type") == b"text/event-stream"
        for client in listeners:
            client.leave()
        await asyncio.gather(*asking)
        assert ended == [threading.main_thread()] * len(listeners)

    visit(app, ask)


def test_listeners_are_let_go_of_when_the_server_ends() -> None:
    app, ended = Flask("test"), []

    @app.get("/events")
    def events() -> Response:
        async def make() -> AsyncGenerator[bytes, None]:
            try:
                yield b"data: hello\n\n"
                await asyncio.Event().wait()
            finally:
                ended.append(True)

        return stream(make())

    async def ask(pages: Pages) -> None:
        client = Client("/events")
        asking = asyncio.create_task(get(pages, client))
        await client.first_piece()
        pages.end_streams()
        await asking
        assert ended == [True]
        # It hears that this was all.
        assert client.messages[-1] == {"type": "http.response.body", "body": b""}

    visit(app, ask)


def test_the_same_stream_on_a_wsgi_host() -> None:
    app, ended = Flask("test"), []

    @app.get("/events")
    def events() -> Response:
        async def make() -> AsyncGenerator[bytes, None]:
            try:
                for number in range(1_000):
                    await asyncio.sleep(0)
                    yield b"%d," % number
            finally:
                ended.append(True)

        return stream(make())

    answer = app.wsgi_app(create_environ("/events"), lambda *_started: lambda _piece: None)
    pieces = iter(answer)
    assert [next(pieces), next(pieces)] == [b"0,", b"1,"]
    answer.close()  # type: ignore[attr-defined]
    assert ended == [True]


def test_a_page_that_computes_keeps_neither_pages_nor_health_waiting() -> None:
    app, may_end = Flask("test"), threading.Event()
    computing = threading.Semaphore(0)

    @app.get("/slow")
    def slow() -> str:
        computing.release()
        while not may_end.is_set():
            pass
        return "slow"

    @app.get("/quick")
    def quick() -> str:
        return "quick"

    @app.get("/healthz")
    def healthz() -> str:
        return "well"

    async def ask(pages: Pages) -> None:
        async def begin_to_compute() -> asyncio.Task[None]:
            task = asyncio.create_task(get(pages, Client("/slow")))
            assert await asyncio.to_thread(computing.acquire, timeout=WAIT_SECONDS)
            return task

        async def text(path: str) -> str:
            client = Client(path)
            await get(pages, client)
            return client.text

        slow = [await begin_to_compute() for _ in range(2)]
        # Two of three threads compute, and go on doing so.
        assert await text("/quick") == "quick"
        slow.append(await begin_to_compute())
        # Now all of them are taken: only health has threads of its own.
        assert await text("/healthz") == "well"
        may_end.set()
        await asyncio.gather(*slow)

    visit(app, ask, threads=3)
