"""A WebSocket server of the library on loopback, whose behaviour is given: one function per connection."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

Behave = Callable[[ServerConnection, int], Awaitable[None]]
"""Gets a connection and its number, from 1."""


@asynccontextmanager
async def websocket_server(behave: Behave, *, tls: Any = None, **options: Any) -> AsyncIterator[str]:
    """The URL of a server in this event loop."""
    number = 0

    async def connected(connection: ServerConnection) -> None:
        nonlocal number
        number += 1
        await behave(connection, number)

    async with serve(connected, "127.0.0.1", 0, ssl=tls, ping_interval=None, close_timeout=0.2, **options) as server:
        yield f"{'wss' if tls else 'ws'}://127.0.0.1:{server.sockets[0].getsockname()[1]}/stream"


@contextmanager
def websocket_server_in_a_thread(behave: Behave) -> Iterator[str]:
    """The same, for clients that block."""
    started: list[str] = []
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
    ready = threading.Event()

    async def run() -> None:
        stop = asyncio.Event()
        loops.append((asyncio.get_running_loop(), stop))
        async with websocket_server(behave) as url:
            started.append(url)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert ready.wait(60)
    yield started[0]
    loop, stop = loops[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join()


def cut(connection: ServerConnection) -> None:
    """End it without a goodbye, with what was sent on its way."""
    connection.transport.abort()
