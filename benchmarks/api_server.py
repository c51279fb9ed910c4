"""An external system for the clients' benchmarks (`python -m benchmarks.api_server PORT`): small answers, and pages.

`GET /small` answers at once, `GET /large` with 4 KB. `GET /pages?page=N&size=…&of=…&delay=…` is page N of `of`, with
`size` records, after `delay` milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import cast
from urllib.parse import parse_qs, urlsplit

import uvloop

WHOLE = {"/small": b'{"status":"ok","id":17}', "/large": b'{"text":"%s"}' % (b"x" * 4085)}


class ApiProtocol(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, as far as clients use it."""

    def __init__(self) -> None:
        self._data = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        while b"\r\n\r\n" in self._data:
            head, _, self._data = self._data.partition(b"\r\n\r\n")
            target = urlsplit(head.split(b" ", 2)[1].decode("ascii"))
            if target.path in WHOLE:
                self._answer(WHOLE[target.path])
                continue
            query = {name: int(values[0]) for name, values in parse_qs(target.query).items()}
            body = page(query["page"], query["size"], query["of"])
            asyncio.get_running_loop().call_later(query["delay"] / 1000, self._answer, body)

    def _answer(self, body: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            self._transport.write(head.encode() + body)


def page(number: int, size: int, of: int) -> bytes:
    """Page `number`, from 1 on; empty after the last."""
    first = (number - 1) * size
    records = [{"id": first + index, "name": "somebody", "email": "a@b.example"} for index in range(size)]
    return json.dumps({"data": records if number <= of else []}).encode()


async def serve(port: int) -> None:
    """Until SIGTERM."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    server = await asyncio.get_running_loop().create_server(ApiProtocol, "127.0.0.1", port)
    async with server:
        await stopped.wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
