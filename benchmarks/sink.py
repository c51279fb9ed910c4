"""The destination of every benchmark: a minimal HTTP server that answers 200 (`python -m benchmarks.sink PORT`).

It counts and, for latency, remembers when each delivery arrived. `GET /counts` and `GET /arrivals` tell, `GET /reset`
forgets. Instants are of the machine's monotonic clock, which all its processes share.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
import time
from dataclasses import dataclass, field

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
DELIVERY = re.compile(rb"\r\nx-github-delivery:\s*([^\r\n]+)", re.IGNORECASE)


@dataclass(slots=True)
class Tally:
    """What has arrived since the last reset. With `keeps_arrivals` each delivery id's first instant is kept."""

    keeps_arrivals: bool = False
    count: int = 0
    first_at: float = 0.0
    last_at: float = 0.0
    arrivals: dict[str, float] = field(default_factory=dict)

    def note(self, head: bytes) -> None:
        """Count one request."""
        now = time.monotonic()
        self.count += 1
        self.first_at = self.first_at or now
        self.last_at = now
        if self.keeps_arrivals:
            found = DELIVERY.search(head)
            if found:
                self.arrivals.setdefault(found[1].decode("latin-1"), now)

    def reset(self) -> None:
        """Forget everything."""
        self.count, self.first_at, self.last_at = 0, 0.0, 0.0
        self.arrivals.clear()


class SinkProtocol(asyncio.Protocol):
    """HTTP/1.1 with keep-alive and pipelining, as far as the worker, `requests` and the load generator use it."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._data = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._data = self._data + data if self._data else data
        while self._data:
            end = self._data.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self._data[:end]
            length = LENGTH.search(head)
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self._data) < size:
                return
            self._data = self._data[size:]
            self._transport.write(self._answer(head))

    def _answer(self, head: bytes) -> bytes:
        if not head.startswith(b"GET "):
            self._tally.note(head)
            return ANSWER
        path = head.split(b" ", 2)[1]
        if path == b"/counts":
            tally = self._tally
            return _document({"count": tally.count, "first_at": tally.first_at, "last_at": tally.last_at})
        if path == b"/arrivals":
            return _document(self._tally.arrivals)
        if path == b"/reset":
            self._tally.reset()
        return _document({})


def _document(content: object) -> bytes:
    body = json.dumps(content).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


async def serve(port: int, *, keeps_arrivals: bool) -> None:
    """Answer on loopback until SIGTERM or SIGINT."""
    loop, tally, stopped = asyncio.get_running_loop(), Tally(keeps_arrivals), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    server = await loop.create_server(lambda: SinkProtocol(tally), "127.0.0.1", port, backlog=1024)
    await stopped.wait()
    server.close()


def main() -> None:
    """`python -m benchmarks.sink PORT [--arrivals]`."""
    asyncio.run(serve(int(sys.argv[1]), keeps_arrivals="--arrivals" in sys.argv[2:]))


if __name__ == "__main__":
    main()
