"""Connections are shared evenly: who holds more than another process lets that one go first, but not for ever."""

from __future__ import annotations

import asyncio
import resource
import socket

from gateway.loop_worker import FairLoop, Seats


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


def connections_taken(seats: Seats, seat: int | None, count: int) -> int:
    """How many of `count` connections a loop of this seat accepts."""
    loop = FairLoop(seats, seat)

    async def serve() -> int:
        answered = 0

        async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"x")
            writer.close()

        listener = socket.create_server(("127.0.0.1", 0))
        async with await asyncio.start_server(greet, sock=listener) as server:
            port = server.sockets[0].getsockname()[1]
            for _ in range(count):
                reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), 20)
                answered += len(await asyncio.wait_for(reader.read(), 20))
                writer.close()
        return answered

    try:
        return loop.run_until_complete(serve())
    finally:
        loop.close()


def test_a_loop_accepts_also_while_another_process_hangs() -> None:
    seats = Seats()
    mine, other = seats.take(), seats.take()
    assert mine is not None
    assert other is not None
    seats.set(mine, 5)
    assert connections_taken(seats, mine, 20) == 20


def test_a_protocol_is_shown_once_also_after_a_lack_of_file_descriptors() -> None:
    seats = Seats()
    mine, other = seats.take(), seats.take()
    assert mine is not None
    assert other is not None
    seats.set(mine, 5)
    shown: list[object] = []
    loop = FairLoop(seats, mine, shown.append)
    exhausted = asyncio.Event()
    loop.set_exception_handler(lambda _loop, _context: exhausted.set())

    async def serve() -> None:
        answers: list[asyncio.Transport] = []

        class Protocol(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                assert isinstance(transport, asyncio.Transport)
                answers.append(transport)
                transport.write(b"x")

        listener = socket.create_server(("127.0.0.1", 0))
        server = await loop.create_server(Protocol, sock=listener)
        with socket.create_connection(listener.getsockname()) as client:
            client.setblocking(False)
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
            try:
                await asyncio.wait_for(exhausted.wait(), 20)
                assert not shown
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert await asyncio.wait_for(loop.sock_recv(client, 1), 20) == b"x"
        for transport in answers:
            transport.close()
        server.close()

    try:
        loop.run_until_complete(serve())
    finally:
        loop.close()
    assert len(shown) == 1


def test_a_loop_without_a_seat_accepts() -> None:
    assert connections_taken(Seats(), None, 20) == 20
