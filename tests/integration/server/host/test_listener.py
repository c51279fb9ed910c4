"""Connections are shared evenly: who holds more than another process lets that one go first, but not for ever."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import uvloop

from gateway.server.host.listener import FairListener
from gateway.server.host.seats import Seats

Listen = Callable[[socket.socket], FairListener]


class Greeter(asyncio.Protocol):
    """Says one byte to whoever comes, and keeps the connection."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(b"x")

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None


@contextmanager
def running(seats: Seats, seat: int | None) -> Iterator[tuple[asyncio.AbstractEventLoop, Listen, list[Greeter]]]:
    """A loop, how a process of this seat listens on it, and whom its connections met."""
    met: list[Greeter] = []

    def meet() -> Greeter:
        met.append(Greeter())
        return met[-1]

    loop = uvloop.new_event_loop()

    def listen(listener: socket.socket) -> FairListener:
        return FairListener(loop, listener, meet, seats, seat)

    try:
        yield loop, listen, met
    finally:
        for one in met:
            if one.transport is not None:
                one.transport.abort()
        while any(one.transport is not None for one in met):
            loop.run_until_complete(asyncio.sleep(0))
        loop.close()


async def greeted(loop: asyncio.AbstractEventLoop, port: int) -> bytes:
    """What a client hears first."""
    client = socket.socket()
    client.setblocking(False)
    try:
        await loop.sock_connect(client, ("127.0.0.1", port))
        return await asyncio.wait_for(loop.sock_recv(client, 1), 20)
    finally:
        client.close()


def connections_taken(seats: Seats, seat: int | None, count: int) -> int:
    """How many of `count` connections, one after another, a loop of this seat greets."""
    with running(seats, seat) as (loop, listen, met):

        async def serve() -> int:
            listener = socket.create_server(("127.0.0.1", 0))
            port = listener.getsockname()[1]
            server = listen(listener)
            answers = [await greeted(loop, port) for _ in range(count)]
            server.close()
            server.close()
            await server.wait_closed()
            assert listener.fileno() < 0
            return len(b"".join(answers))

        taken = loop.run_until_complete(serve())
        assert len(met) == taken
        return taken


def test_a_loop_accepts_also_while_another_process_hangs() -> None:
    seats = Seats()
    mine, other = seats.take(), seats.take()
    assert mine is not None
    assert other is not None
    seats.set(mine, 5)
    assert connections_taken(seats, mine, 20) == 20


def test_a_loop_without_a_seat_accepts() -> None:
    assert connections_taken(Seats(), None, 20) == 20


def test_who_holds_more_leaves_the_connection_to_the_other() -> None:
    seats = Seats()
    mine, other = seats.take(), seats.take()
    assert mine is not None
    assert other is not None
    seats.set(mine, 5)
    with running(seats, mine) as (loop, listen, met), socket.create_server(("127.0.0.1", 0)) as listener:

        async def serve() -> None:
            listener.setblocking(False)
            server = listen(listener.dup())
            with socket.create_connection(listener.getsockname()) as client:
                # The other process: it takes what this one, which was told first, did not.
                taken, _address = await asyncio.wait_for(loop.sock_accept(listener), 20)
                taken.close()
                assert client.recv(1) == b""
            server.close()

        loop.run_until_complete(serve())
        assert not met


def test_connections_are_accepted_again_after_a_lack_of_file_descriptors() -> None:
    seats = Seats()
    mine, other = seats.take(), seats.take()
    assert mine is not None
    assert other is not None
    # With a pause before accepting, in which it does not listen either.
    seats.set(mine, 5)
    with running(seats, mine) as (loop, listen, met):
        exhausted = asyncio.Event()
        loop.set_exception_handler(lambda _loop, _context: exhausted.set())

        async def serve() -> None:
            listener = socket.create_server(("127.0.0.1", 0))
            port = listener.getsockname()[1]
            server = listen(listener)
            client = socket.socket()
            client.setblocking(False)
            await loop.sock_connect(client, ("127.0.0.1", port))
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
            try:
                await asyncio.wait_for(exhausted.wait(), 20)
                assert not met
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert await asyncio.wait_for(loop.sock_recv(client, 1), 20) == b"x"
            client.close()
            server.close()

        loop.run_until_complete(serve())
        assert len(met) == 1


def test_answers_do_not_wait_for_acknowledgements() -> None:
    with running(Seats(), None) as (loop, listen, met):

        async def serve() -> int:
            listener = socket.create_server(("127.0.0.1", 0))
            server = listen(listener)
            await greeted(loop, listener.getsockname()[1])
            transport = met[0].transport
            assert transport is not None
            server.close()
            return int(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

        assert loop.run_until_complete(serve())
