"""Connections are shared evenly: who holds more than another process lets that one go first, but not for ever."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from gunicorn.config import Config
from gunicorn.glogging import Logger

from gateway.loop_worker import FIRST_REQUEST_SECONDS, FairLoop, LoopWorker, Seats


def test_seats_are_taken_once_and_free_again() -> None:
    seats = Seats()
    first, second = seats.take(), seats.take()
    assert None not in (first, second)
    assert first != second
    seats.leave(first)
    assert seats.take() == first


def test_more_processes_than_seats_go_uncounted() -> None:
    seats = Seats()
    assert None not in [seats.take() for _ in range(Seats.MOST)]
    assert seats.take() is None
    assert not seats.has_more_than_others(None)


def test_who_has_more_than_others() -> None:
    seats = Seats()
    first, second = seats.take(), seats.take()
    assert first is not None
    assert second is not None
    seats.set(first, 1)
    assert seats.has_more_than_others(first)
    assert not seats.has_more_than_others(second)
    seats.set(second, 1)
    assert not seats.has_more_than_others(first)
    seats.set(first, 2)
    # Who is leaving is nobody to wait for, and its seat is not free yet.
    seats.retire(second)
    assert not seats.has_more_than_others(first)
    assert seats.take() not in {first, second}


class Greeter(asyncio.Protocol):
    """Says one byte to whoever comes, and keeps the connection."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(b"x")


@contextmanager
def running(seats: Seats, seat: int | None) -> Iterator[tuple[FairLoop, list[Greeter]]]:
    """A loop of this seat, and the protocols that it makes."""
    met: list[Greeter] = []

    def meet() -> Greeter:
        met.append(Greeter())
        return met[-1]

    loop = FairLoop(seats, seat, meet)
    try:
        yield loop, met
    finally:
        for one in met:
            if one.transport is not None:
                one.transport.abort()
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()


async def greeted(loop: FairLoop, port: int) -> bytes:
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
    with running(seats, seat) as (loop, met):

        async def serve() -> int:
            listener = socket.create_server(("127.0.0.1", 0))
            port = listener.getsockname()[1]
            server = await loop.create_server(lambda: None, sock=listener)
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
    with running(seats, mine) as (loop, met), socket.create_server(("127.0.0.1", 0)) as listener:

        async def serve() -> None:
            listener.setblocking(False)
            server = await loop.create_server(lambda: None, sock=listener.dup())
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
    with running(seats, mine) as (loop, met):
        exhausted = asyncio.Event()
        loop.set_exception_handler(lambda _loop, _context: exhausted.set())

        async def serve() -> None:
            listener = socket.create_server(("127.0.0.1", 0))
            port = listener.getsockname()[1]
            server = await loop.create_server(lambda: None, sock=listener)
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
    with running(Seats(), None) as (loop, met):

        async def serve() -> int:
            listener = socket.create_server(("127.0.0.1", 0))
            server = await loop.create_server(lambda: None, sock=listener)
            await greeted(loop, listener.getsockname()[1])
            transport = met[0].transport
            assert transport is not None
            server.close()
            return int(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

        assert loop.run_until_complete(serve())


class Application:
    """An ASGI application that answers when it is let."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.let = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.set()
        await self.let.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
        await send({"type": "http.response.body", "body": b"y"})


def test_connections_are_dropped_while_they_wait_for_a_request_and_never_in_one() -> None:
    settings = Config()
    settings.set("keepalive", 75)
    application = Application()
    worker = LoopWorker(1, 1, [], None, 30, settings, Logger(settings))
    worker._setup_event_loop()
    worker.asgi = application
    loop = worker.loop

    async def serve() -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        server = await loop.create_server(lambda: None, sock=listener)
        clients = [socket.socket() for _ in range(2)]
        for client in clients:
            client.setblocking(False)
            await loop.sock_connect(client, listener.getsockname())
        silent, busy = clients
        await loop.sock_sendall(busy, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.wait_for(application.asked.wait(), 20)
        assert worker.nr_conns == len(worker.protocols) == 2

        def dropped_by(seconds: float) -> int:
            for protocol in worker.protocols:
                protocol.drop_if_idle(loop.time() + seconds)
            return sum(protocol.transport.is_closing() for protocol in worker.protocols)

        assert dropped_by(FIRST_REQUEST_SECONDS - 1) == 0
        # The other one's request is under way, however long that takes.
        assert dropped_by(3600) == 1
        assert await asyncio.wait_for(loop.sock_recv(silent, 1), 20) == b""
        application.let.set()
        heard = b""
        while not heard.endswith(b"\r\n\r\ny"):
            chunk = await asyncio.wait_for(loop.sock_recv(busy, 4096), 20)
            assert chunk, "dropped in the middle of its request"
            heard += chunk
        assert dropped_by(74) == 0
        assert dropped_by(76) == 1
        assert await asyncio.wait_for(loop.sock_recv(busy, 1), 20) == b""
        assert worker.nr_conns == len(worker.protocols) == 0
        for client in clients:
            client.close()
        server.close()

    try:
        loop.run_until_complete(serve())
    finally:
        worker._cleanup()
        worker.tmp.close()
