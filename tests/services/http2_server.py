"""A system on loopback that speaks HTTP/2, by hypercorn: each path has its own trick."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived
from hypercorn.asyncio import serve
from hypercorn.config import Config

BOMB = gzip.compress(b" " * 20_000_000, 1)


class Http2Server:
    """`port` is where it listens; `connections` are the client's ports, one a connection, as requests came."""

    def __init__(self, tls: Path | None, alpn: list[str] | None, max_streams: int) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self._socket.getsockname()[1]
        self.connections: list[int] = []
        self.versions: list[str] = []
        self._config = Config()
        self._config.bind = [f"fd://{self._socket.detach()}"]
        self._config.loglevel = "CRITICAL"
        self._config.graceful_timeout = 0.1
        self._config.h2_max_concurrent_streams = max_streams
        if tls is not None:
            self._config.certfile = self._config.keyfile = str(tls)
        if alpn is not None:
            self._config.alpn_protocols = alpn

    async def run(self, ready: Callable[[], None], stop: asyncio.Event) -> None:
        self._stop = stop

        async def stopping() -> None:
            ready()
            await stop.wait()

        await serve(self._app, self._config, shutdown_trigger=stopping)  # type: ignore[arg-type]

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        self.connections.append(scope["client"][1])
        self.versions.append(scope["http_version"])
        trick = scope["path"].split("/")[1]
        query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}

        async def head(status: int = 200, **headers: str) -> None:
            pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
            await send({"type": "http.response.start", "status": status, "headers": pairs})

        async def body(data: bytes = b"", more: bool = False) -> None:
            await send({"type": "http.response.body", "body": data, "more_body": more})

        match trick:
            case "silent":
                await self._stop.wait()
            case "drip":
                await head()
                while not self._stop.is_set():
                    await body(b" ", more=True)
                    await asyncio.sleep(0.02)
            case "huge":
                await head()
                while not self._stop.is_set():
                    await body(b" " * 65536, more=True)
            case "bomb":
                await head(content_encoding="gzip")
                await body(BOMB)
            case "gzip":
                await head(content_encoding="gzip")
                await body(gzip.compress(b'{"ok": 1}'))
            case "bad-gzip":
                await head(content_encoding="gzip")
                await body(b"this is not gzip")
            case "status":
                await head(int(scope["path"].split("/")[2]))
                await body(b"{}")
            case "redirect":
                await head(302, location=query["to"])
                await body()
            case "slow":
                await asyncio.sleep(float(query["seconds"]))
                await head()
                await body(b'{"slow": true}')
            case "large":
                await head()
                for _ in range(64):
                    await body(b" " * 65536, more=True)
                await body()
            case _:
                sent = b""
                while True:
                    event = await receive()
                    sent += event.get("body", b"")
                    if not event.get("more_body"):
                        break
                headers = {name.decode(): value.decode() for name, value in scope["headers"]}
                told = {"method": scope["method"], "path": scope["path"], "query": query, "headers": headers}
                await head(content_type="application/json")
                await body(json.dumps(told | {"body": sent.decode(), "host": headers.get("host")}).encode())


@contextmanager
def http2_server(
    tls: Path | None = None, *, alpn: list[str] | None = None, max_streams: int = 100
) -> Iterator[Http2Server]:
    """A server that runs inside the block; `tls` is a PEM file with its key and certificate."""
    server = Http2Server(tls, alpn, max_streams)
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
    ready = threading.Event()

    async def run() -> None:
        stop = asyncio.Event()
        loops.append((asyncio.get_running_loop(), stop))
        await server.run(ready.set, stop)

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="HTTP/2 server", daemon=True)
    thread.start()
    assert ready.wait(60)
    yield server
    loop, stop = loops[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)


@contextmanager
def http2_frames(
    answer: Callable[[H2Connection, int], bool], hung_up: Callable[[], None] = lambda: None
) -> Iterator[int]:
    """The port of a server whose frames `answer` makes, for each request on a stream; false ends the connection, and
    `hung_up` is told.
    """
    listening = socket.create_server(("127.0.0.1", 0))

    def talk(connection: socket.socket) -> None:
        state = H2Connection(H2Configuration(client_side=False))
        state.initiate_connection()
        connection.sendall(state.data_to_send())
        while data := connection.recv(65536):
            for event in state.receive_data(data):
                if isinstance(event, RequestReceived):
                    goes_on = answer(state, event.stream_id)
                    connection.sendall(state.data_to_send())
                    if not goes_on:
                        connection.shutdown(socket.SHUT_WR)
                        hung_up()
                        while connection.recv(65536):
                            pass
                        return
            connection.sendall(state.data_to_send())

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                talk(connection)

    thread = threading.Thread(target=accept, name="HTTP/2 frames", daemon=True)
    thread.start()
    yield listening.getsockname()[1]
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(10)
