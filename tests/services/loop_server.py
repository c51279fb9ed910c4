"""The web server's connections on a loop in a thread of the test, for an ASGI application of the test's own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvloop

from gateway.server.host.connection import Connection
from gateway.server.host.framing import Limits
from gateway.server.host.listener import FairListener
from gateway.server.host.seats import Seats
from gateway.server.host.service import Bounds, Service

Application = Callable[[Any, Any, Any], Awaitable[None]]

LIMITS = Limits(target_bytes=8190, fields=100, field_bytes=72 * 1024)
BOUNDS = Bounds(
    head=LIMITS,
    requests_bytes=64 * 1024 * 1024,
    connections=1000,
    connections_per_client=100,
    keepalive_seconds=75.0,
)
SECONDS = 20.0


class LoopServer:
    """A listening socket with a service behind it."""

    def __init__(self, application: Application, listener: socket.socket, bounds: Bounds) -> None:
        self._loop = uvloop.new_event_loop()
        self.service = Service(
            application,
            loop=self._loop,
            log=logging.getLogger("loop_server"),
            bounds=bounds,
        )
        self.port: int = listener.getsockname()[1] if listener.family == socket.AF_INET else 0
        self._acceptor = FairListener(self._loop, listener, lambda: Connection(self.service), Seats(), None)
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def call(self, function: Callable[[], Any]) -> Any:
        """What `function` gives when it is called on the loop."""

        async def called() -> Any:
            return function()

        return asyncio.run_coroutine_threadsafe(called(), self._loop).result(SECONDS)

    def connections(self) -> int:
        """How many are open."""
        return int(self.call(lambda: len(self.service.connections)))

    def give_up(self, *, after_seconds: float) -> None:
        """As if so much time had passed."""

        def later() -> None:
            for connection in tuple(self.service.connections):
                connection.give_up(self._loop.time() + after_seconds)

        self.call(later)

    def begin_end(self) -> None:
        """Let the service end, without waiting for it."""
        asyncio.run_coroutine_threadsafe(self.service.end(), self._loop)

    def close(self) -> None:
        """End everything."""

        async def end() -> None:
            self._acceptor.close()
            await self._acceptor.wait_closed()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            for connection in tuple(self.service.connections):
                connection.abort()

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)
        self._loop.close()

    @contextmanager
    def connected(self) -> Iterator[socket.socket]:
        """A client's connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS) as connection:
            yield connection

    def exchange(self, data: bytes) -> bytes:
        """Everything that is heard after `data` was sent, until the server closes or the client has said all."""
        with self.connected() as connection:
            connection.sendall(data)
            return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    """Everything until the server closes."""
    heard = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while chunk := connection.recv(65_536):
            heard += chunk
    return bytes(heard)


@contextmanager
def loop_server(
    application: Application, *, listener: socket.socket | None = None, bounds: Bounds = BOUNDS
) -> Iterator[LoopServer]:
    """A server for `application` on a free port, or on `listener`."""
    server = LoopServer(application, listener or socket.create_server(("127.0.0.1", 0)), bounds)
    try:
        yield server
    finally:
        server.close()
