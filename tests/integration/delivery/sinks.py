"""Local endpoints for deliveries, well-behaved and not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Received:
    """One request as the sink got it."""

    path: str
    headers: list[tuple[str, str]]
    body: bytes
    peer: tuple[str, int]

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(found) <= 1, found
        return found[0] if found else None


@dataclass
class Sink:
    """A server, on loopback unless told otherwise, that keeps what it got and answers as told."""

    answer: Answer | None = None
    received: list[Received] = field(default_factory=list)
    port: int = 0
    host: str = "127.0.0.1"
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/hook"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = [(name.decode(), value.decode("utf-8", "surrogateescape")) for name, value in request.raw_headers]
        peer = request.transport.get_extra_info("peername") if request.transport else ("", 0)
        self.received.append(Received(request.path, headers, body, peer))
        self.arrived.set()
        return await self.answer(request) if self.answer else web.Response(text="ok")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Sink]:
        application = web.Application(client_max_size=64 * 1024 * 1024)
        application.router.add_route("*", "/{tail:.*}", self.handle)
        runner = web.AppRunner(
            application, access_log=None, shutdown_timeout=0.1, max_line_size=128 * 1024, max_field_size=128 * 1024
        )
        await runner.setup()
        site = web.TCPSite(runner, self.host, self.port, backlog=1024)
        await site.start()
        self.port = runner.addresses[0][1]
        try:
            yield self
        finally:
            await runner.cleanup()


def status(number: int, **headers: str) -> Answer:
    """Answers with a status."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=number, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return answer


async def never(_request: web.Request) -> web.StreamResponse:
    """Does not answer."""
    await asyncio.Event().wait()
    raise AssertionError


async def huge(request: web.Request) -> web.StreamResponse:
    """Answers 200 and 10 MB."""
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(160):
        await response.write(b"x" * 65_536)
    return response


async def dripping(request: web.Request) -> web.StreamResponse:
    """Answers 200 and then a byte at a time, for ever."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b".")
        await asyncio.sleep(0.02)


async def echo(request: web.Request) -> web.StreamResponse:
    """Refuse, and tell what came in the header `X-Token`."""
    return web.Response(status=401, text=f"not {request.headers.get('X-Token')}")
