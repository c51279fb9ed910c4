"""Destinations in a thread of the test: one server whose paths behave well and badly, and what came to each."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from aiohttp import web

from tests.integration.delivery.sinks import Answer, Received, Sink, dripping, echo, huge, never, status
from tests.services.waiting import until

BEHAVIOURS: Mapping[str, Answer] = {
    "/slow": never,
    "/drip": dripping,
    "/echo": echo,
    "/huge": huge,
    "/redirect": status(302, Location="/hook"),
    "/fails": status(500),
}


class SinkThread:
    """A running sink. `received` grows in another thread; read it with `at`. What comes to `/held` is answered once
    `is_let_go` is set.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._sink = Sink(self._answer, host=host)
        self.is_let_go = threading.Event()

    @property
    def port(self) -> int:
        return self._sink.port

    def url(self, path: str = "/hook") -> str:
        """The URL of one behaviour; any path that is not in `BEHAVIOURS` answers 200."""
        return f"http://{self._sink.host}:{self.port}{path}"

    def at(self, path: str = "/hook") -> list[Received]:
        """What came to `path`, in the order of arrival."""
        return [one for one in list(self._sink.received) if one.path == path]

    def all(self) -> list[Received]:
        """Everything that came, in the order of arrival."""
        return list(self._sink.received)

    def ids(self, path: str = "/hook") -> list[str]:
        """The webhook ids that came to `path`, repeats included."""
        return [one.header("webhook-id") or "" for one in self.at(path)]

    def wait_for(self, count: int, path: str = "/hook") -> list[Received]:
        """Wait until `count` requests in all came to `path`; all of them."""
        until(lambda: len(self.at(path)) >= count, lambda: f"{count} at {path}, {len(self.at(path))} came")
        return self.at(path)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        while request.path == "/held" and not self.is_let_go.is_set():  # noqa: ASYNC110 - another thread's event
            await asyncio.sleep(0.02)
        behaviour = BEHAVIOURS.get(request.path)
        if behaviour is None:
            return web.Response(text="ok")
        try:
            return await behaviour(request)
        except ConnectionResetError:
            # The gateway has heard enough.
            return web.Response()

    async def serve(self, started: Callable[[], None], stopped: asyncio.Event) -> None:
        """Answer until `stopped`."""
        async with self._sink.running():
            started()
            await stopped.wait()


@contextmanager
def sink_thread(host: str = "127.0.0.1") -> Iterator[SinkThread]:
    """A sink that runs inside the block."""
    sink, started = SinkThread(host), threading.Event()
    loop, stopped = asyncio.new_event_loop(), asyncio.Event()

    def serve() -> None:
        loop.run_until_complete(sink.serve(started.set, stopped))

    thread = threading.Thread(target=serve, name="sink", daemon=True)
    thread.start()
    assert started.wait(60)
    try:
        yield sink
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join(60)
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
