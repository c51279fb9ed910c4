"""gunicorn's event-loop worker as the gateway runs it: connections shared evenly, silent ones dropped, and an end that
waits for requests only.

`gunicorn.conf.py` names it. It uses private names of gunicorn 27 and of asyncio: look here when either is upgraded.
Imports nothing of the application: gunicorn's master reads this file before the workers' environment is set.
"""

from __future__ import annotations

import asyncio
import gc
import mmap
from collections.abc import Callable
from typing import Any

from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers.gasgi import ASGIWorker

PAUSE_SECONDS = 0.005
# From a connection's beginning to the end of its first request's headers. gunicorn 27 sets a limit for the following
# requests only (`keepalive`).
FIRST_REQUEST_SECONDS = 30.0


class Seats:
    """How many connections each web process holds, in memory that all processes of a server share.

    The master makes it and takes a seat for each worker before the fork.
    """

    MOST = 256
    _EMPTY = 0xFFFF_FFFF
    # Of a process that takes no more connections, and still ends those it has.
    _LEAVING = 0xFFFF_FFFE

    def __init__(self) -> None:
        self._counts = memoryview(mmap.mmap(-1, 4 * self.MOST)).cast("I")
        for number in range(self.MOST):
            self._counts[number] = self._EMPTY

    def take(self) -> int | None:
        """The number of a free seat; None when there is none, and its process goes uncounted."""
        for number, count in enumerate(self._counts):
            if count == self._EMPTY:
                self._counts[number] = 0
                return number
        return None

    def leave(self, number: int | None) -> None:
        """Nobody sits there any more. Idempotent."""
        if number is not None:
            self._counts[number] = self._EMPTY

    def retire(self, number: int | None) -> None:
        """Who sits there takes no more connections: nobody to wait for, but not gone yet."""
        if number is not None:
            self._counts[number] = self._LEAVING

    def set(self, number: int, connections: int) -> None:
        """So many connections are open there."""
        self._counts[number] = connections

    def has_more_than_others(self, number: int | None) -> bool:
        """Whether another process holds fewer connections than this one."""
        return number is not None and self._counts[number] > min(self._counts)


class FairLoop(asyncio.SelectorEventLoop):
    """Accepts one connection at a time, and lets processes that hold fewer go first.

    asyncio takes up to a hundred in one go: of a burst of connections that a proxy keeps open, one process would get
    nearly all, and the others would idle.
    """

    def __init__(self, seats: Seats, seat: int | None, accepted: Callable[[Any], None] = lambda protocol: None) -> None:
        super().__init__()
        self._seats = seats
        self._seat = seat
        self._accepted = accepted

    async def create_server(self, protocol_factory: Any, *arguments: Any, **named: Any) -> asyncio.Server:
        """A server whose protocols are shown to `accepted` when they are made."""

        def made() -> Any:
            protocol = protocol_factory()
            self._accepted(protocol)
            return protocol

        return await super().create_server(made, *arguments, **named)

    def _accept_connection(self, factory: Any, listener: Any, *rest: Any) -> None:
        if self._seats.has_more_than_others(self._seat):
            # Not for long: the other one may hang.
            self._remove_reader(listener.fileno())  # type: ignore[attr-defined]
            self.call_later(PAUSE_SECONDS, self._accept_again, factory, listener, *rest)
        else:
            self._accept_one(factory, listener, *rest)

    def _accept_again(self, factory: Any, listener: Any, *rest: Any) -> None:
        if listener.fileno() < 0:
            return
        # In this order: without file descriptors left, accepting stops listening for a second.
        self._add_reader(listener.fileno(), self._accept_connection, factory, listener, *rest)  # type: ignore[attr-defined]
        self._accept_one(factory, listener, *rest)

    def _accept_one(self, factory: Any, listener: Any, tls: Any, server: Any, _backlog: int, *rest: Any) -> None:
        super()._accept_connection(factory, listener, tls, server, 1, *rest)  # type: ignore[misc]


class LoopWorker(ASGIWorker):  # type: ignore[misc]
    """gunicorn's event-loop worker. `seats` is set by the master before it forks, `seat` for each worker.

    gunicorn 27 counts every open connection as one in flight. One that a proxy keeps for its next request would hold
    up the end until `graceful_timeout`, when the master kills the process before its lifespan's shutdown.
    """

    seats = Seats()
    seat: int | None = None
    _connections = 0

    @property
    def nr_conns(self) -> int:
        """Open connections, as gunicorn's protocol counts them."""
        return self._connections

    @nr_conns.setter
    def nr_conns(self, connections: int) -> None:
        self._connections = connections
        if self.seat is not None:
            self.seats.set(self.seat, connections)

    def _setup_event_loop(self) -> None:
        self.loop = FairLoop(self.seats, self.seat, self._expect_request)
        asyncio.set_event_loop(self.loop)

    def _expect_request(self, protocol: ASGIProtocol) -> None:
        self.loop.call_later(FIRST_REQUEST_SECONDS, self._drop_if_silent, protocol)

    def _drop_if_silent(self, protocol: ASGIProtocol) -> None:
        if protocol.req_count <= 1 and protocol._awaiting_request:
            protocol._keepalive_timeout()

    async def _shutdown(self) -> None:
        self.seats.retire(self.seat)
        self.seat = None
        for one in gc.get_objects():
            if isinstance(one, ASGIProtocol) and one.worker is self and one._awaiting_request:
                one._keepalive_timeout()
        await super()._shutdown()
